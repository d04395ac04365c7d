"""The desk: what is going on, every task, the jobs that wait and those that ended; the form of tutorial 003."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, json, redirect, render_template, request, url_for
from redis.exceptions import RedisError
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.jobs.last_used import newest_jobs
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.statistics import last_runs, typical
from taskdesk.jobs.status import Status
from taskdesk.service import clock
from taskdesk.service.errors import AppError, RedisAway
from taskdesk.service.redis import Memory
from taskdesk.web.access.roles import needs, reads
from taskdesk.web.body_limits import FORM_BYTES, takes
from taskdesk.web.context import desk
from taskdesk.web.form_token import form_token
from taskdesk.web.forms import arguments_from_page
from taskdesk.web.links import job_object
from taskdesk.web.pages.view.task_groups import ROWS_FROM, grouped
from taskdesk.web.query import page_limit
from taskdesk.web.results import results_of, with_member

FORM_TASK = "simple_task"
MAX_LISTED_JOBS = 10
MAX_LISTED_FAILURES = 5


def add_routes(bp: Blueprint) -> None:
    bp.get("/")(home)
    bp.post("/")(add_job)
    bp.route("/finished_tasks", methods=["GET", "POST"])(finished_tasks)


def home() -> str:
    try:
        return _page(added=desk().jobs.get(request.args.get("added", "")))
    except AppError:  # no job was added, or it no longer exists
        return _page()


@needs("user")
@takes(FORM_BYTES)
def add_job() -> BaseResponse | tuple[str, int]:
    """Run `tasks.simple_task` with the field `task_param`. Other fields are its other parameters."""
    try:
        form = MultiDict(request.form)
        text = form.pop("task_param", "")
        if not text.strip():
            raise InvalidArguments([FieldError("/task_param", "Type a text first.")])
        form["task_arg"] = text
        spec = desk().catalog.task(FORM_TASK)
        job = desk().submit(spec, arguments_from_page(spec, form, MultiDict()), form_token=form_token())
    except AppError as error:
        return _page(error=_sentences(error)), error.status
    except RedisError:
        away = RedisAway()
        return _page(error=str(away)), away.status
    return redirect(url_for("pages.home", added=job.id), 303)


def _sentences(error: AppError) -> str:
    """Return what is wrong, without the name of the field: the sentence stands at it."""
    return " ".join(one.detail for one in error.errors) if isinstance(error, InvalidArguments) else str(error)


@reads
def finished_tasks() -> Response:
    """Answer `[[id, result], …]`, newest first; with `?detail=1`, whole jobs.

    A file stands as its link, and so do the results beyond MAX_LISTED_BYTES together.
    """
    jobs, _ = desk().jobs.succeeded(page_limit(request.args, 100))
    is_detailed = request.args.get("detail") == "1"
    rows = [
        with_member(job_object(job), "result", shown)
        if is_detailed
        else b"[%s, %s]" % (json.dumps(job.id).encode(), shown)
        for job, shown in results_of(jobs)
    ]
    return Response(b"[%s]" % b", ".join(rows), content_type="application/json")


def _page(added: Job | None = None, error: str = "") -> str:
    """Render the desk. With an error it shows what was typed, even while Redis is away."""
    try:
        content = _content()
    except RedisError:
        if not error:
            raise
        content = {}
    return render_template("home.html", added=added, error=error, typed=request.form.get("task_param", ""), **content)


def _content() -> dict[str, Any]:
    announced = desk().catalog.read()
    queued, queued_count = desk().jobs.queued(MAX_LISTED_JOBS)
    finished, finished_count = desk().jobs.succeeded(MAX_LISTED_JOBS)
    queues = desk().queues.read()
    used = newest_jobs(desk().redis, desk().jobs, announced.tasks)
    references = [spec.reference for spec in announced.tasks.values()]
    runs = zip(typical(desk().redis, *references), last_runs(desk().redis, *references), strict=True)
    return {
        "announced": announced,
        "memory": Memory.of(desk().redis.info("memory")),
        "disk": desk().artifacts.disk(),
        "queued": queued,
        "queued_count": queued_count,
        "finished": finished,
        "finished_count": finished_count,
        "paused": [queue for queue in queues if queue.is_paused],
        "groups": grouped(announced.tasks.values(), used),
        "used": used,
        "rows_from": ROWS_FROM,
        **_going_on(queues),
        "usual_runs": dict(zip(announced.tasks, runs, strict=True)),
    }


def _going_on(queues: Sequence[Queue]) -> dict[str, Any]:
    """Return the jobs that are running, and those that failed in the last hour."""
    running_count = sum(queue.jobs["running"] for queue in queues)
    failed_count = sum(sum(queue.last_hour.failed) for queue in queues)
    hour = Filter(status=Status.FAILED, ended_since=clock.utc_now() - timedelta(hours=1))
    return {
        "running_count": running_count,
        "running": _page_of(Filter(status=Status.RUNNING)) if running_count else [],
        "failed_count": failed_count,
        "failed": sorted(_page_of(hour), key=_end, reverse=True)[:MAX_LISTED_FAILURES] if failed_count else [],
    }


def _end(job: Job) -> float:
    return job.ended_at.timestamp() if job.ended_at else 0


def _page_of(matching: Filter) -> list[Job]:
    return desk().jobs.page(MAX_LISTED_JOBS, matching=matching)[0]
