"""Tasks: list them, and submit jobs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Request, request
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from taskdesk.jobs.errors import JobExpired, JobNotFound
from taskdesk.jobs.job import Job
from taskdesk.jobs.submit_options import check_key
from taskdesk.web.access.roles import needs
from taskdesk.web.body_limits import BATCH_BYTES, takes, takes_files
from taskdesk.web.context import desk
from taskdesk.web.forms import arguments_from_request, inputs_from_request
from taskdesk.web.links import RETRY_AFTER, job_object, task_objects
from taskdesk.web.query import submit_options
from taskdesk.web.streams.waiting import preferred_wait, wait_for_end


def add_routes(bp: Blueprint) -> None:
    bp.get("/tasks")(list_tasks)
    bp.get("/tasks/<name>")(show_task)
    bp.post("/tasks/<name>/jobs")(create_job)
    bp.post("/tasks/<name>/jobs:batch")(create_jobs)


def list_tasks() -> dict[str, Any]:
    announced = desk().catalog.read()
    return {
        "data": task_objects(list(announced.tasks.values())),
        "broken": [module.model_dump() for module in announced.broken],
    }


def show_task(name: str) -> dict[str, Any]:
    [shown] = task_objects([desk().catalog.task(name)])
    return shown


@needs("user")
@takes_files
def create_job(name: str) -> ResponseReturnValue:
    """Return 202 and the job as it is now, or 200 if the client preferred to wait and the job has ended."""
    spec = desk().catalog.task(name)
    seconds = preferred_wait(request)
    key = idempotency_key(request)
    if request.mimetype == "multipart/form-data" and spec.file_parameters and not key:
        # with a key the job may exist already, which only the files can tell
        desk().artifacts.check_room(request.content_length or 0)
    arguments = arguments_from_request(spec, request)
    job = desk().submit(spec, arguments, key=key, **submit_options(request.args))
    return accepted(job, seconds)


def accepted(job: Job, seconds: int) -> ResponseReturnValue:
    """Return the answer to a request that made a job, when the job has ended or after these seconds."""
    headers = {}
    if seconds:
        with suppress(RedisError, JobNotFound, JobExpired):  # the job was accepted, whatever happens then
            job = wait_for_end(job.id, seconds)
        headers["Preference-Applied"] = f"wait={seconds}"
    shown = job_object(job, whole=job.is_final)
    headers["Location"] = shown["links"]["self"]
    return (shown, 200, headers) if job.is_final else (shown, 202, headers | RETRY_AFTER)


@needs("user")
@takes(BATCH_BYTES)
def create_jobs(name: str) -> ResponseReturnValue:
    """Submit up to 1,000 jobs in one step, or none if one of the inputs is wrong."""
    spec = desk().catalog.task(name)
    inputs = inputs_from_request(spec, request)
    ids = desk().submit_many(spec, inputs, key=idempotency_key(request), **submit_options(request.args))
    return {"ids": ids, "count": len(ids)}, 202, RETRY_AFTER


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    check_key(key, "/Idempotency-Key")
    return key
