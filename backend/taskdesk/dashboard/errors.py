"""Errors as sentences: on a page for people, and as JSON for scripts."""

from __future__ import annotations

from flask import Flask, current_app, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq_dashboard import web
from werkzeug.exceptions import HTTPException

from taskdesk.jobs.errors import JobNotFound
from taskdesk.service.errors import AppError
from taskdesk.service.redis_errors import as_app_error
from taskdesk.service.sentry import report


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(NoSuchJobError, lambda error: _app_error(JobNotFound(_job_id())))
    app.register_error_handler(RedisError, _redis_error)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if unexpected := getattr(error, "original_exception", None):
        report(unexpected, route=request.url_rule.rule if request.url_rule else "")
    return _answer(error.code or 500, error.name, error.description or "")


def _redis_error(error: RedisError) -> ResponseReturnValue:
    app_error = as_app_error(error)
    if not app_error:
        raise error  # a bug, which Flask logs
    return _app_error(app_error)


def _app_error(error: AppError) -> ResponseReturnValue:
    return _answer(error.status, error.title, str(error))


def _answer(status: int, title: str, detail: str) -> ResponseReturnValue:
    """Return the answer, with the address of the job's page in Taskdesk if it is about a job."""
    page = f"{current_app.jinja_env.globals['app_url']}jobs/{_job_id()}" if _job_id() else None
    if request.method == "POST" or request.path.endswith(".json"):
        return jsonify(detail=detail, page=page), status
    shown = {"title": title, "detail": detail, "page": page, "poll_interval": 0}
    return render_template("problem.html", **shown, **_frame()), status


def _frame() -> dict[str, object]:
    """Return the values that rq-dashboard's own views pass to the frame of a page."""
    return {
        "rq_url_prefix": url_for("rq_dashboard.queues_overview"),
        "current_instance": 0,
        "instance_list": current_app.config["RQ_DASHBOARD_REDIS_URL"],
        "rq_version": web.rq_version,
        "rq_dashboard_version": web.rq_dashboard_version,
    }


def _job_id() -> str:
    return str((request.view_args or {}).get("job_id", ""))
