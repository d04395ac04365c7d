"""Add links to the JSON of jobs, tasks, queues and results, for the API and the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from flask import request, url_for

from taskdesk.jobs import representations
from taskdesk.jobs.action import Action, Effect
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.cause import Cause
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Job
from taskdesk.jobs.parts import UrlOf
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.representations import WAIT_TARGET_SECONDS
from taskdesk.jobs.status import Status
from taskdesk.web.context import desk

RETRY_AFTER = {"Retry-After": "1"}  # seconds; for a job that has not ended


def page_object(
    objects: Sequence[dict[str, Any]], following: str | None, query: Mapping[str, str], **more: Any
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return the answer with a page of a list. `following`: the cursor of the next page, which a Link names, too."""
    headers = {}
    if following:
        address = f"{request.path}?{urlencode({**query, 'cursor': following})}"
        headers["Link"] = f'<{request.script_root}{address}>; rel="next"'
    return {"data": objects, **more, "next_cursor": following}, 200, headers


def task_objects(specs: Sequence[TaskSpec]) -> list[dict[str, Any]]:
    return [{**shown, "links": _task_links(shown["name"])} for shown in representations.task_objects(desk(), specs)]


def _task_links(name: str) -> dict[str, str]:
    return {"self": url_for("api.show_task", name=name), "jobs": url_for("api.create_job", name=name)}


def queue_objects(queues: Sequence[Queue], *, target: float = WAIT_TARGET_SECONDS) -> list[dict[str, Any]]:
    shown = representations.queue_objects(desk(), queues, target=target)
    return [{**queue, "links": _queue_links(queue["name"])} for queue in shown]


def _queue_links(name: str) -> dict[str, str]:
    return {"self": url_for("api.show_queue", name=name), "jobs": url_for("api.list_jobs", queue=name)}


def cause_object(cause: Cause) -> dict[str, Any]:
    links = {
        "self": url_for("api.show_failure", cause_id=cause.id),
        "jobs": url_for("api.list_jobs", cause=cause.id),
        "sample": url_for("api.show_job", job_id=cause.sample),
    }
    return {**representations.cause_object(cause), "links": links}


def job_object(job: Job, *, whole: bool = False) -> dict[str, Any]:
    """Return the job as the API shows it; `whole`: with what a list leaves out, and the value of a small result."""
    return linked_job(desk(), job, request.script_root, whole=whole)


def linked_job(desk: Desk, job: Job, root: str, *, whole: bool = False) -> dict[str, Any]:
    """As `job_object`, without Flask."""
    shown = representations.job_object(desk, job, whole=whole, url_of=artifact_urls(job, root))
    links = job_links(job, root)
    if "result" in shown:
        shown["result"]["url"] = links["result"]
    return {**shown, "links": links}


def artifact_urls(job: Job, root: str) -> UrlOf:
    """Return what makes the address of a file of the job from its name. `root` is the prefix of all addresses."""
    return lambda name: f"{root}/api/v1/jobs/{job.id}/artifacts/{quote(name)}"


def job_links(job: Job, root: str) -> dict[str, str]:
    """Return the address of the job, and of all that can be done with it now. `root` is the prefix of all addresses."""
    here = f"{root}/api/v1/jobs/{job.id}"
    links = {"self": here, "events": f"{here}/events", "logs": f"{here}/logs"}
    if job.status is Status.SUCCEEDED:
        links["result"] = f"{here}/result"
    for action, path in _ACTIONS_BY_STATUS[job.status]:
        if action.fits(job):
            links[action.name] = here + path
    return links


def action_address(action: Action, job_address: str) -> tuple[str, str]:
    """Return the method and the address in the API of an action on a job."""
    return ("DELETE", job_address) if action.removes_job else ("POST", f"{job_address}/{action.name}")


_ACTIONS_BY_STATUS = {  # for each submit: job_links is on its way
    status: [(action, action_address(action, "")[1]) for action in ACTIONS.values() if status in action.effects]
    for status in Status
}


def status_of_effect(action: Action, effect: Effect) -> int:
    """Return the status of the answer to an action that had this effect."""
    return 204 if action.removes_job else 202 if effect.is_pending else 200
