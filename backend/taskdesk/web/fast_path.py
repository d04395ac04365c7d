"""The fast path for the most frequent call, a submit of plain JSON: it skips Flask's routing, contexts and views.

Measured with 32 keep-alive clients: 4,670 submits per second of CPU time; through Flask 2,990.

It takes only requests that it understands completely, and leaves the others to Flask: another path, a query, a header
that might mean something. The rules are the same (rules.py), and Flask's error handlers answer every error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, g

from taskdesk.web.access.roles import access_of
from taskdesk.web.body_limits import JSON_BYTES
from taskdesk.web.context import WebDesk
from taskdesk.web.exchange import Exchange
from taskdesk.web.forms import json_arguments
from taskdesk.web.links import RETRY_AFTER, linked_job
from taskdesk.web.rules import Rules

_PATH = re.compile(r"/api/v1/tasks/([0-9A-Za-z_.]+)/jobs")
_ENDPOINT, _ROUTE = "api.create_job", "/api/v1/tasks/<name>/jobs"
_OF_PROXIES = ("X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_FORWARDED_PORT", "X_FORWARDED_PREFIX")
_OF_CLIENTS = ("HOST", "USER_AGENT", "ACCEPT", "ACCEPT_ENCODING", "AUTHORIZATION", "CONNECTION", "X_REQUEST_ID")
_HARMLESS = {f"HTTP_{name}" for name in (*_OF_CLIENTS, *_OF_PROXIES)}
_encode = json.JSONEncoder(separators=(",", ":")).encode


class FastPath:
    """A WSGI application around Flask's."""

    def __init__(self, app: Flask):
        self._app, self._flask = app, app.wsgi_app
        self._desk: WebDesk = app.extensions["desk"]
        self._rules: Rules = app.extensions["rules"]
        self._access = access_of(app.view_functions[_ENDPOINT], "POST")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        task = _task(environ)
        if not task:
            return self._flask(environ, start_response)
        exchange = Exchange(environ, self._access, _ENDPOINT, _ROUTE, {"name": task})
        try:
            self._rules.admit(exchange)
            response = self._rules.finish(exchange, self._submit(task, exchange))
        except Exception as error:
            return self._refuse(error, exchange)(environ, start_response)
        return response(environ, start_response)

    def _submit(self, task: str, exchange: Exchange) -> Response:
        spec = self._desk.catalog.task(task)
        body = exchange.environ["wsgi.input"].read(int(exchange.environ["CONTENT_LENGTH"]))
        job = self._desk.submit_for(exchange, spec, json_arguments(spec, body))
        shown = linked_job(self._desk, job, exchange.environ.get("SCRIPT_NAME", ""))
        headers = {"Content-Type": "application/json", "Location": shown["links"]["self"], **RETRY_AFTER}
        return self._app.response_class(f"{_encode(shown)}\n", 202, headers)

    def _refuse(self, error: Exception, exchange: Exchange) -> Response:
        """Answer as Flask does when one of its hooks or views has raised this error."""
        with self._app.request_context(exchange.environ):
            g.exchange = exchange
            return self._app.finalize_request(self._app.handle_user_exception(error))


def _task(environ: dict[str, Any]) -> str:
    """Return the task of a request that can go the fast path; empty for any other."""
    if environ["REQUEST_METHOD"] != "POST" or environ.get("CONTENT_TYPE") != "application/json":
        return ""
    found = _PATH.fullmatch(environ["PATH_INFO"])
    length = environ.get("CONTENT_LENGTH", "")
    is_plain = (
        length.isdecimal()
        and int(length) <= JSON_BYTES
        and not environ.get("QUERY_STRING")
        and all(key in _HARMLESS for key in environ if key.startswith("HTTP_"))
    )
    return found[1] if found and is_plain else ""
