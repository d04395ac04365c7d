"""The error handlers: problem+json (RFC 9457) for the API, a page for people."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, current_app, json, make_response, render_template, request
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from taskdesk.jobs.artifacts import is_disk_full
from taskdesk.jobs.errors import CountDiffers, InvalidArguments
from taskdesk.service.errors import RETRY_AFTER_SECONDS, AppError, NoRoom, RedisAway
from taskdesk.service.redis_errors import as_app_error
from taskdesk.service.sentry import report
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange

log = logging.getLogger("web")

_CLASSIC = ("/flask", "/progress", "/result.png", "/task/", "/sleep/", "/create", "/status/", "/ping")  # web/classic.py


def install(app: Flask) -> None:
    app.register_error_handler(AppError, answer_app_error)
    app.register_error_handler(RedisError, _redis_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OSError, _os_error)
    app.register_error_handler(Exception, _bug)


def problem(status: int, title: str, detail: str, **members: Any) -> Response:
    """Return a problem document. Its `request_id` is also in the log."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        **members,
        "request_id": current_exchange().request_id,
    }
    return Response(json.dumps(body), status, content_type="application/problem+json")


def answer_app_error(error: AppError) -> Response:
    members: dict[str, Any] = {}
    if isinstance(error, InvalidArguments):
        members["errors"] = [vars(field) for field in error.errors]
    if isinstance(error, CountDiffers):
        members["count"] = error.count
    answer = _answer(error.status, error.title, str(error), **members)
    answer.headers.update(getattr(error, "headers", {}))
    return answer


def _redis_error(error: RedisError) -> Response:
    app_error = as_app_error(error)
    if not app_error:
        return _bug(error)
    log.error("redis: %s", error)
    return answer_app_error(app_error)


def _os_error(error: OSError) -> Response:
    """Answer 503 if the disk is full: large uploads lie in the temporary folder until they are read."""
    if not is_disk_full(error):
        return _bug(error)
    log.error("disk: %s", error)
    return answer_app_error(NoRoom("There is no room for what you sent. Try again shortly."))


def _http_error(error: HTTPException) -> Response:
    config = current_app.config
    details = {
        404: "There is nothing at this address.",
        413: f"The request is too large: {request.max_content_length or 0:,} bytes are allowed here in all, "
        f"{config['MAX_FORM_MEMORY_SIZE']:,} in texts, and {config['MAX_FORM_PARTS']} fields.",
    }
    status = error.code or 500
    answer = _answer(status, error.name, details.get(status, error.description or error.name))
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            answer.headers[name] = value
    return answer


def _bug(error: Exception) -> Response:
    exchange = current_exchange()
    log.exception("unexpected error, request %s", exchange.request_id)
    report(error, request_id=exchange.request_id, route=exchange.route if exchange.endpoint else "")
    return _answer(500, "Unexpected error", "Something went wrong here; the log has it under the request id.")


def _answer(status: int, title: str, detail: str, **members: Any) -> Response:
    if wants_json():
        answer = problem(status, title, detail, **members)
    else:
        is_away = title == RedisAway().title
        page = render_template(
            "error.html",
            status=status,
            title=title,
            detail=detail,
            is_away=is_away,
            result_ttl=desk().settings.result_ttl,
            failure_ttl=desk().settings.failure_ttl,
            request_id=current_exchange().request_id,
        )
        answer = make_response(page, status)
    return answer


def set_retry_after(response: Response) -> None:
    """Say when to try again: in every answer of these statuses, also in the page of a form."""
    if seconds := RETRY_AFTER_SECONDS.get(response.status_code):
        response.headers.setdefault("Retry-After", str(seconds))


def wants_json() -> bool:
    if request.path.startswith(("/api/", "/healthz", "/readyz", "/version", "/metrics", "/finished_tasks", *_CLASSIC)):
        return True
    return not request.accept_mimetypes.accept_html
