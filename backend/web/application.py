"""Flask, without what it does in each request for what nobody here uses: that was a quarter of a submit's time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter

from web.protection import SAFE_HEADERS, StrictRequest


class Answer(Response):
    """An answer whose headers go out as they were set, and SAFE_HEADERS with them where it has none of that name."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Werkzeug looks for a Location that is not ASCII and for a length that is not set. Here both are right."""
        return super().get_wsgi_headers(environ) if self.status_code in (204, 304) else self.headers

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body, status, headers = super().get_wsgi_response(environ)
        given = {name for name, _ in headers}
        return body, status, headers + [header for header in SAFE_HEADERS if header[0] not in given]


class Json(DefaultJSONProvider):
    """Flask's, with one encoder for all answers: `json.dumps` makes one for each."""

    sort_keys = False
    _encode = json.JSONEncoder(default=DefaultJSONProvider.default, separators=(",", ":")).encode

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Answer(self._encode(self._prepare_response_obj(args, kwargs)) + "\n", content_type="application/json")


class App(Flask):
    request_class = StrictRequest
    response_class = Answer
    json_provider_class = Json

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Without SERVER_NAME and WebSockets there is little to find out."""
        if request is None:
            return None
        environ = request.environ
        request.trusted_hosts = self.config["TRUSTED_HOSTS"]
        return self.url_map.bind(
            request.host,  # raises SecurityError
            environ.get("SCRIPT_NAME"),
            url_scheme=environ["wsgi.url_scheme"],
            default_method=environ["REQUEST_METHOD"],
            path_info=request.path,
            query_args=environ.get("QUERY_STRING", ""),
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view is a coroutine: Flask need not look again, six times in a request."""
        return func
