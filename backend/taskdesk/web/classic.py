"""The routes of the tutorials that Taskdesk grew out of, for the tutorials' own clients: see docs/tutorials.md.

They keep the tutorials' paths, names and words. Their jobs are the same as the API's.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, json, jsonify, render_template, request
from werkzeug.exceptions import MethodNotAllowed

from taskdesk.jobs.arguments import Arguments, check
from taskdesk.jobs.errors import ArtifactNotFound, FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.jobs.texts import read_texts
from taskdesk.web.access.protection import refuse_foreign_request
from taskdesk.web.access.roles import needs
from taskdesk.web.api.jobs import job_result
from taskdesk.web.context import desk
from taskdesk.web.links import job_object
from taskdesk.web.results import result_json, results_of, with_member

NEWEST_JOBS = 100
_NEARLY_DONE = 0.98  # tutorial 001 fetches the picture from 0.99 on, when it has to exist
_CELERY = {"running": "STARTED", "succeeded": "SUCCESS", "failed": "FAILURE", "canceled": "REVOKED"}

bp = Blueprint("classic", __name__)


# 000: Flask + Celery + RabbitMQ + nginx


@bp.get("/flask")
def hello() -> dict[str, str]:
    return {"message": "Hello from flask."}


@bp.route("/flask/heavy", methods=["GET", "POST"])
@needs("user")
def start_heavy() -> dict[str, str]:
    return {"task_id": _start("heavy_task").id}


@bp.get("/flask/status")
def heavy_status() -> Response:
    task_id = request.args.get("task_id") or abort(400, "No task_id specified: ask for /flask/status?task_id=…")
    return _json(_status_and_result(*_read(task_id), task_id=task_id))


@bp.get("/flask/tasks")
def newest_tasks() -> Response:
    jobs, _ = desk().jobs.page(NEWEST_JOBS)
    results = {job.id: text for job, text in results_of([job for job in jobs if job.status == "succeeded"])}
    rows = [
        _status_and_result(job, results.get(job.id), task_id=job.id, date_done=job_object(job)["ended_at"])
        for job in jobs
        if job.id in results or job.status != "succeeded"  # else its result expired between the two reads
    ]
    return _json(b'{"data": [%s]}' % b", ".join(rows))


# 001: Flask + Celery, a picture made in the background


@bp.get("/image_page")
@needs("user")
def image_page() -> str:
    return render_template("image_page.html", job_id=_start("render_plot").id)


@bp.get("/progress")
def progress() -> dict[str, Any]:
    job_id = request.args.get("jobid")
    if not job_id:
        return {}
    job = desk().jobs.get(job_id)
    if job.status == "succeeded":
        return {"state": "SUCCESS", "progress": 1.0}
    if job.status == "running" and job.progress:
        return {"state": "PROGRESS", "progress": min(job.progress.percent / 100, _NEARLY_DONE)}
    return {"state": _state(job)} if job.is_final else {}


@bp.get("/result.png")
def result_png() -> Response:
    job = desk().jobs.get(request.args.get("jobid", ""))
    if job.status == "succeeded" and job.result_kinds != "picture":
        raise ArtifactNotFound(job.id, "result.png")
    return job_result(job.id)


# 002: Celery in a Flask application factory


@bp.post("/task/")
@needs("user")
def start_task() -> tuple[dict[str, Any], int]:
    job = _start("wait_task")
    return {"task_id": job.id, "state": _state(job)}, 202


@bp.post("/sleep/")
@bp.post("/sleep/<sleep_time>")
@needs("user")
def start_sleep(sleep_time: str = "5") -> tuple[dict[str, Any], int]:
    job = _start("wait_task", sleep_time=sleep_time)
    return {"task_id": job.id, "state": _state(job), **(job.input or {})}, 202


@bp.get("/task/<task_id>")
@bp.get("/sleep/<task_id>")
def check_task(task_id: str) -> Response:
    job, result = _read(task_id)
    shown = {"task_id": task_id, "state": _state(job)}
    return jsonify(shown) if result is None else _json(with_member(shown, "result", result))


# 004: Falcon + Celery + Flower


@bp.post("/create")
@needs("user")
def create() -> dict[str, Any]:
    try:
        job = _start("fib", n=_number())
    except InvalidArguments as error:
        raise InvalidArguments([FieldError("/number", field.detail) for field in error.errors]) from None
    return {"status": "success", "data": {"task_id": job.id}}


@bp.get("/status/<task_id>")
def status(task_id: str) -> Response:
    return _json(_status_and_result(*_read(task_id)))


@bp.get("/ping")
def ping() -> Response:
    return jsonify("pong!")


def _start(task: str, **texts: str | None) -> Job:
    """Submit a job. Some routes do so on a GET, so a page of another site is refused here, and a HEAD."""
    refuse_foreign_request(request.environ)
    if request.method == "HEAD":
        raise MethodNotAllowed(["GET"])
    spec = desk().catalog.task(task)
    values = read_texts(spec, {name: [text] for name, text in texts.items() if text is not None})
    check(spec, values)
    return desk().submit(spec, Arguments(values))


def _number() -> str | None:
    """Return the `number` of a JSON body, of any media type as in the tutorial, or of a form."""
    body = request.get_json(force=True, silent=True)
    number = body.get("number") if isinstance(body, dict) else request.form.get("number")
    return None if number is None else str(number)


def _read(task_id: str) -> tuple[Job, bytes | None]:
    """Return the job, and its result as JSON text if it has succeeded."""
    job = desk().jobs.get(task_id)
    return job, result_json(job) if job.status == "succeeded" else None


def _status_and_result(job: Job, result: bytes | None, **before: Any) -> bytes:
    """Return them as Celery does, as JSON text: the result of a failed job is its error."""
    error = job_object(job).get("error") or {}
    shown = json.dumps(error.get("detail")).encode() if result is None else result
    return with_member({**before, "status": _state(job)}, "result", shown)


def _json(text: bytes) -> Response:
    return Response(text, content_type="application/json")


def _state(job: Job) -> str:
    """Return Celery's word for the job's status."""
    return _CELERY.get(job.status) or ("RETRY" if job.error else "PENDING")
