"""Jobs, tasks, queues and workers as JSON objects. The API adds links; the command line prints them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from taskdesk.jobs.catalog import Announced, TaskSpec
from taskdesk.jobs.cause import Cause
from taskdesk.jobs.deliveries import Delivery
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import ResultGone, UnreadableResult
from taskdesk.jobs.job import Attempt, Job, masked
from taskdesk.jobs.jobs import Place
from taskdesk.jobs.parts import UrlOf
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.rq_time import time_text as time_text
from taskdesk.jobs.statistics import LastRuns, Typical, last_runs, mean_run_seconds, typical
from taskdesk.jobs.status import Status
from taskdesk.jobs.throughput import LastHour
from taskdesk.jobs.workers import Worker
from taskdesk.service import clock
from taskdesk.service.outbound import shown_url

WAIT_TARGET_SECONDS = 60


def task_objects(desk: Desk, specs: Sequence[TaskSpec]) -> list[dict[str, Any]]:
    references = [spec.reference for spec in specs]
    figures = zip(specs, typical(desk.redis, *references), last_runs(desk.redis, *references), strict=True)
    return [_task_object(desk, spec, its, runs) for spec, its, runs in figures]


def _task_object(desk: Desk, spec: TaskSpec, its: Typical | None, runs: LastRuns) -> dict[str, Any]:
    announced = desk.catalog.read()
    return {
        "name": spec.name,
        "reference": spec.reference,
        "title": spec.title,
        "description": spec.description,
        "queue": {"name": spec.queue, "workers_online": announced.workers_online(spec.queue)},
        "groups": [
            {"name": group.name, "queues": [*group.queues], "workers_online": announced.group_workers(group.name)}
            for group in announced.groups_of(spec.name)
        ],
        "timeout": spec.timeout,
        "retries": spec.retries,
        "backoff": asdict(spec.backoff),
        "at_most_once": spec.at_most_once,
        "grace": spec.grace,
        "notify": spec.notify or None,
        "typical_seconds": its and its._asdict(),
        "last_runs": runs._asdict(),
        "input_schema": spec.input_schema,
        "output_schema": spec.output_schema,
    }


def job_object(desk: Desk, job: Job, *, whole: bool = False, url_of: UrlOf | None = None) -> dict[str, Any]:
    """Return the JSON object of a job. If `whole`, it has what lists leave out, and the value of a small result.

    `url_of` gives the files of the result their addresses.
    """
    shown: dict[str, Any] = {
        "id": job.id,
        "task": job.task,
        "status": job.status,
        "reason": reason(desk, job),
        "summary": job.summary,
        "queue": {"name": job.queue, "workers_online": desk.catalog.read_or_cached().workers_online(job.queue)},
        "progress": job.progress.as_dict() if job.progress else None,
        "attempt": job.attempt,
        "tags": list(job.tags),
        "retry_of": job.retry_of,
        "retried_as": job.retried_as,
        "cause": job.cause or None,
        "owner": job.owner or None,
        "request_id": job.request_id or None,
        "created_at": time_text(job.created_at),
        "enqueued_at": time_text(job.enqueued_at),
        "scheduled_at": time_text(job.scheduled_at),
        "started_at": time_text(job.started_at),
        "ended_at": time_text(job.ended_at if job.is_final else None),
        "expires_at": time_text(job.expires_at),
        "kept": job.is_kept,
    }
    given = desk.named_input(job)
    if given is not None:
        spec = desk.catalog.read_or_cached().tasks.get(job.task)
        shown["input"] = masked(given, job.secrets | (spec.secret_parameters if spec else set()))
    elif job.input_fault:
        shown["input_fault"] = job.input_fault
    if job.error or job.status is Status.CANCELED:  # a job that waits for its retry also has an error
        shown["error"] = job.error
    if whole:
        shown |= {"worker": job.worker or None, "attempts": [_attempt_object(one) for one in job.attempts]}
        shown["defaults"] = job.defaults
        shown["webhook"] = shown_url(job.webhook) or None
        shown["resumed"] = job.resumed and job.resumed._asdict()
        shown |= _details(desk, job, shown["queue"], url_of)
    return shown


def cause_object(cause: Cause) -> dict[str, Any]:
    error = {name: getattr(cause, name) for name in ("type", "title", "frame", "line")}
    return {
        "id": cause.id,
        "task": cause.task,
        "state": cause.state,
        "error": {**error, "detail": cause.message},
        "count": cause.count,
        "open_jobs": cause.open_jobs,
        "first_at": time_text(cause.first_at),
        "last_at": time_text(cause.last_at),
        "hours": list(cause.hours),
        "sample": cause.sample,
        "changed_by": cause.changed_by or None,
        "changed_at": time_text(cause.changed_at),
        "reopened_at": time_text(cause.reopened_at),
    }


def no_worker(queue: str) -> str:
    """The sentence of pages and command line for a queue without a worker."""
    return f"No worker serves the queue {queue}. Its jobs wait until one does."


def not_served(announced: Announced, spec: TaskSpec, queue: str) -> str | None:
    """Return the sentence for a job whose task no worker of its queue serves; None if one does, or none is online."""
    if not announced.workers_online(queue) or announced.serving(spec.reference, queue):
        return None
    others = [one for one in announced.queues_of(spec.reference) if one != queue]
    where = f" Workers of {', '.join(others)} do." if others else ""
    return f"No worker of the queue {queue} serves {spec.name}.{where}"


def notice(announced: Announced, spec: TaskSpec, queue: str) -> str | None:
    """Return the sentence for a task whose jobs no online worker of the queue runs; None if one does."""
    return not_served(announced, spec, queue) if announced.workers_online(queue) else no_worker(queue)


def paused_queue(queue: str) -> str:
    """The sentence of pages for a queue that is paused."""
    return f"The queue {queue} is paused. Its jobs do not start until it is resumed."


def reason(desk: Desk, job: Job) -> str | None:
    """Return why a job waits; None for a job that does not."""
    wait = job.wait
    if job.status is Status.QUEUED and not wait:
        announced = desk.catalog.read_or_cached()
        spec = announced.tasks.get(job.task)
        return not_served(announced, spec, job.queue) if spec else None
    if wait and wait.reference and desk.catalog.read_or_cached().versions_online(wait.reference, job.queue):
        return f"It waits for a worker that serves {wait.reference}."
    return wait.reason if wait else None


def _attempt_object(attempt: Attempt) -> dict[str, Any]:
    times = {"started_at": time_text(attempt.started_at), "ended_at": time_text(attempt.ended_at)}
    return {**times, "worker": attempt.worker or None, "error": attempt.error}


def _details(desk: Desk, job: Job, queue: dict[str, Any], url_of: UrlOf | None) -> dict[str, Any]:
    """Return what costs more reads: the result, the traceback, or the place in the queue and the estimate."""
    if job.status is Status.SUCCEEDED:
        return {"result": _result_object(desk, job, url_of)}
    if job.status is Status.FAILED:
        return {"traceback": desk.jobs.results.traceback(job.id)}
    if job.is_final:
        return {}
    spec = desk.catalog.read_or_cached().tasks.get(job.task)
    [usual] = typical(desk.redis, spec.reference) if spec else [None]
    place = desk.jobs.place(job)
    shown = {"queue": {**queue, **vars(place)}} if place else {}
    return {**shown, "typical_seconds": usual and usual._asdict(), "estimate": _estimate(job, place, queue, usual)}


def _estimate(job: Job, place: Place | None, queue: dict[str, Any], usual: Typical | None) -> dict[str, float] | None:
    """Return in how many seconds the job probably starts and ends, as if all jobs before it were of its task.

    None if no worker serves its queue, or the usual duration of the task is unknown.
    """
    if not usual or not queue["workers_online"]:
        return None
    if job.status is Status.RUNNING and job.started_at:
        gone = (clock.utc_now() - job.started_at).total_seconds()
        return {"ends_in": round(max(usual.median - gone, 0), 3)}
    if not place or place.paused:
        return None
    starts_in = place.ahead / queue["workers_online"] * usual.median
    return {"starts_in": round(starts_in, 3), "ends_in": round(starts_in + usual.median, 3)}


def _result_object(desk: Desk, job: Job, url_of: UrlOf | None) -> dict[str, Any]:
    try:
        return desk.jobs.results.preview(job).as_dict(url_of)
    except (ResultGone, UnreadableResult) as error:
        return {"kind": "unreadable", "detail": str(error)}


def queue_objects(desk: Desk, queues: Sequence[Queue], *, target: float = WAIT_TARGET_SECONDS) -> list[dict[str, Any]]:
    """Return the queues. `target`: the seconds that a job may wait, for `wanted_workers`.

    A job of a queue takes as long as the attempts of all tasks whose own queue it is have taken on average.
    """
    announced = desk.catalog.read()
    tasks = [[spec.reference for spec in announced.tasks.values() if spec.queue == queue.name] for queue in queues]
    means = mean_run_seconds(desk.redis, *tasks)
    return [
        _queue_object(desk, queue, announced.workers_online(queue.name), queue.wanted_workers(mean, target))
        for queue, mean in zip(queues, means, strict=True)
    ]


def _queue_object(desk: Desk, queue: Queue, workers_online: int, wanted_workers: int) -> dict[str, Any]:
    return {
        "name": queue.name,
        "paused": queue.is_paused,
        "jobs": queue.jobs,
        "handed_back": queue.handed_back,
        "limit": desk.max_queued,
        "oldest_at": time_text(queue.oldest_at),
        "oldest_seconds": round(queue.oldest_seconds, 3),
        "drains_in": round(queue.drains_in, 1) if workers_online and queue.drains_in is not None else None,
        "workers_online": workers_online,
        "wanted_workers": wanted_workers,
        "last_hour": _last_hour_object(queue.last_hour),
    }


def _last_hour_object(hour: LastHour) -> dict[str, Any]:
    return {
        "since": time_text(datetime.fromtimestamp(hour.since, UTC)),
        "succeeded": sum(hour.succeeded),
        "failed": sum(hour.failed),
        "per_minute": {"succeeded": hour.succeeded, "failed": hour.failed},
    }


def delivery_object(delivery: Delivery) -> dict[str, Any]:
    attempts = [{**asdict(attempt), "at": time_text(attempt.at)} for attempt in delivery.attempts]
    return {
        "id": delivery.id,
        "type": delivery.type,
        "url": delivery.url,
        "status": delivery.status,
        "switched_off": delivery.is_off,
        "hold": delivery.hold or None,
        "created_at": time_text(delivery.created_at),
        "due_at": time_text(delivery.due_at),
        "attempts": attempts,
    }


def worker_object(worker: Worker) -> dict[str, Any]:
    shown = asdict(worker)
    return {**shown, **{name: time_text(shown[name]) for name in shown if name.endswith("_at")}}
