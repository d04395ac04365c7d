"""Flask, without some of what it does in each request for what nobody here uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from werkzeug.datastructures import Headers

from taskdesk.web.access.protection import SAFE_HEADERS, StrictRequest


class Answer(Response):
    """An answer whose headers go out as they were set, and SAFE_HEADERS with them where it has none of that name."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Werkzeug looks for a Location that is not ASCII and for a length that is not set. Here both are right."""
        return super().get_wsgi_headers(environ) if self.status_code in (204, 304) else self.headers

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body, status, headers = super().get_wsgi_response(environ)
        given = {name for name, _ in headers}
        return body, status, headers + [header for header in SAFE_HEADERS if header[0] not in given]


class App(Flask):
    request_class = StrictRequest
    response_class = Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view is a coroutine: Flask need not look again, six times in a request."""
        return func
