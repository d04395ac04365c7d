"""One log line per request, with the request's id, which the answer carries, too."""

from __future__ import annotations

import logging
import random
import re
import time

from flask import Flask, Response, g, request
from flask.globals import request_ctx

from taskdesk.service.logs import log_event

_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")
log = logging.getLogger("web")


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def request_id_of(given: str) -> str:
    """The id that the client or a proxy has given to its request, or a new one."""
    return given if _ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


def write_line(method: str, path: str, status: int, seconds: float, client: str | None, request_id: str) -> None:
    ms = round(1000 * seconds, 1)
    log_event(log, "request", method=method, path=path, status=status, ms=ms, client=client, request_id=request_id)


def _begin() -> None:
    g.request_id = request_id_of(request.headers.get("X-Request-ID", ""))
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    began, request_id, request = g.began, g.request_id, request_ctx.request  # not by a proxy for each attribute
    response.headers["X-Request-ID"] = request_id
    seconds = time.perf_counter() - began
    write_line(request.method, request.path, response.status_code, seconds, request.remote_addr, request_id)
    return response
