"""One structured log line per request, with an id that the answer carries, too."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask.globals import request_ctx

_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")
_ENCODER = json.JSONEncoder(default=repr)  # json.dumps would make one for each line
log = structlog.get_logger("web")


def configure_request_logs(env: str) -> None:
    """JSON lines in prod, lines for people in dev. Control characters are escaped by both."""
    renderer = (
        structlog.processors.JSONRenderer(_to_json)
        if env == "prod"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[structlog.processors.TimeStamper(fmt="iso"), structlog.processors.add_log_level, renderer],
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _to_json(event: structlog.typing.EventDict, **_: Any) -> str:
    return _ENCODER.encode(event)


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def request_id_of(given: str) -> str:
    """The id that the client or a proxy has given to its request, or a new one."""
    return given if _ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


def write_line(method: str, path: str, status: int, seconds: float, client: str | None, request_id: str) -> None:
    log.info(
        "request",
        method=method,
        path=path,
        status=status,
        ms=round(1000 * seconds, 1),
        client=client,
        request_id=request_id,
    )


def _begin() -> None:
    g.request_id = request_id_of(request.headers.get("X-Request-ID", ""))
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    began, request_id, request = g.began, g.request_id, request_ctx.request  # not by a proxy for each attribute
    response.headers["X-Request-ID"] = request_id
    seconds = time.perf_counter() - began
    write_line(request.method, request.path, response.status_code, seconds, request.remote_addr, request_id)
    return response
