"""Jobs, tasks, queues and workers as JSON objects. The API adds links; the command line prints them as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from taskdesk.jobs.artifacts import Artifact, artifact_of
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Attempt, Job
from taskdesk.jobs.jobs import Place
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.records import table_of_records
from taskdesk.jobs.statistics import LastRuns, Typical, last_runs, typical
from taskdesk.jobs.status import Status
from taskdesk.jobs.throughput import LastHour
from taskdesk.jobs.workers import Worker
from taskdesk.service import clock

MAX_INLINE_BYTES = 64 * 1024
_FILE_KINDS = ("file", "picture")
_ACRONYMS = {"csv", "html", "id", "json", "mae", "pdf", "png", "rmse", "roc", "svg", "url", "xml"}


def task_objects(desk: Desk, specs: Sequence[TaskSpec]) -> list[dict[str, Any]]:
    references = [spec.reference for spec in specs]
    figures = zip(specs, typical(desk.redis, *references), last_runs(desk.redis, *references), strict=True)
    return [_task_object(desk, spec, its, runs) for spec, its, runs in figures]


def _task_object(desk: Desk, spec: TaskSpec, its: Typical | None, runs: LastRuns) -> dict[str, Any]:
    return {
        "name": spec.name,
        "reference": spec.reference,
        "title": spec.title,
        "description": spec.description,
        "queue": {"name": spec.queue, "workers_online": desk.catalog.read().workers_online(spec.queue)},
        "timeout": spec.timeout,
        "retries": spec.retries,
        "at_most_once": spec.at_most_once,
        "typical_seconds": its and its._asdict(),
        "last_runs": runs._asdict(),
        "input_schema": spec.input_schema,
        "output_schema": spec.output_schema,
    }


def job_object(desk: Desk, job: Job, *, whole: bool = False) -> dict[str, Any]:
    """Return the JSON object of a job. If `whole`, it has what lists leave out, and the value of a small result."""
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
    if job.input is not None:
        shown["input"] = job.input
    if job.error or job.status is Status.CANCELED:  # a job that waits for its retry has an error, too
        shown["error"] = job.error
    if whole:
        shown |= {"worker": job.worker or None, "attempts": [_attempt_object(one) for one in job.attempts]}
        shown |= _details(desk, job, shown["queue"])
    return shown


def no_worker(queue: str) -> str:
    """The sentence of pages and command line for a queue without a worker."""
    return f"No worker serves the queue {queue}. Its jobs wait until one does."


def reason(desk: Desk, job: Job) -> str | None:
    """Return why a job waits; None for a job that does not."""
    wait = job.wait
    if wait and wait.reference and desk.catalog.read_or_cached().versions_online(wait.reference, job.queue):
        return f"It waits for a worker that serves {wait.reference}."
    return wait.reason if wait else None


def _attempt_object(attempt: Attempt) -> dict[str, Any]:
    times = {"started_at": time_text(attempt.started_at), "ended_at": time_text(attempt.ended_at)}
    return {**times, "worker": attempt.worker or None, "error": attempt.error}


def _details(desk: Desk, job: Job, queue: dict[str, Any]) -> dict[str, Any]:
    """Return what costs more reads: the result, the traceback, or the place in the queue and the estimate."""
    if job.status is Status.SUCCEEDED:
        return {"result": _result_object(job, desk.jobs.result(job))}
    if job.status is Status.FAILED:
        return {"traceback": desk.jobs.traceback(job.id)}
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


def _result_object(job: Job, value: Any) -> dict[str, Any]:
    parts = [part.as_dict() for part in result_parts(job, value)]
    if has_parts(job, value):
        return {"kind": "parts", "parts": parts}
    [part] = parts
    del part["name"]
    return part


def queue_object(desk: Desk, queue: Queue) -> dict[str, Any]:
    workers_online = desk.catalog.read().workers_online(queue.name)
    return {
        "name": queue.name,
        "paused": queue.is_paused,
        "jobs": queue.jobs,
        "handed_back": queue.handed_back,
        "limit": desk.max_queued,
        "oldest_at": time_text(queue.oldest_at),
        "drains_in": round(queue.drains_in, 1) if workers_online and queue.drains_in is not None else None,
        "workers_online": workers_online,
        "last_hour": _last_hour_object(queue.last_hour),
    }


def _last_hour_object(hour: LastHour) -> dict[str, Any]:
    return {
        "since": time_text(datetime.fromtimestamp(hour.since, UTC)),
        "succeeded": sum(hour.succeeded),
        "failed": sum(hour.failed),
        "per_minute": {"succeeded": hour.succeeded, "failed": hour.failed},
    }


def worker_object(worker: Worker) -> dict[str, Any]:
    shown = asdict(worker)
    return {**shown, **{name: time_text(shown[name]) for name in shown if name.endswith("_at")}}


@dataclass(frozen=True)
class Part:
    """A part of a result. `kind` is text, json, table or markdown; or picture or file, whose value names the file.

    `places`: JSON pointers to the files that stand inside the value.
    """

    name: str
    kind: str
    value: Any
    places: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        first, *others = [word.upper() if word.lower() in _ACRONYMS else word for word in self.name.split("_")]
        return " ".join([first[:1].upper() + first[1:], *others])

    @property
    def is_number(self) -> bool:
        return self.kind == "json" and type(self.value) in (int, float)

    @property
    def is_file(self) -> bool:
        return self.kind in _FILE_KINDS

    @cached_property
    def table(self) -> dict[str, Any] | None:
        """The columns and rows of a table, also of a list of flat objects; None for a part of another kind."""
        if self.kind == "table":
            return dict(self.value)
        return table_of_records(self.value) if self.kind == "json" else None

    @property
    def file(self) -> Artifact | None:
        """The stored file; None for a part of another kind."""
        return artifact_of(self.value) if self.is_file else None

    @property
    def files(self) -> list[Artifact]:
        """The stored files: the part itself, or those inside its value."""
        found = [self.file, *(artifact_of(value_at(self.value, place)) for place in self.places)]
        return [file for file in found if file]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of the part. A value over MAX_INLINE_BYTES is left out; its size stands instead."""
        shown = {"name": self.name, "kind": self.kind}
        if self.is_file:
            return {**shown, **self.value}
        size = len(json.dumps(self.value))
        return {**shown, "value": self.value} if size <= MAX_INLINE_BYTES else {**shown, "size": size}


def result_parts(job: Job, value: Any) -> list[Part]:
    """Return the parts of a result in the task's order. A result without parts is one part named "result"."""
    kinds = job.result_kinds
    if has_parts(job, value):
        return [_part(name, kind, value[name]) for name, kind in kinds.items()]
    return [_part("result", kinds or ("text" if isinstance(value, str) else "json"), value)]


def has_parts(job: Job, value: Any) -> bool:
    """Return True if the result consists of named parts."""
    kinds = job.result_kinds
    return isinstance(kinds, dict) and isinstance(value, dict) and kinds.keys() <= value.keys()


def _part(name: str, kind: Any, value: Any) -> Part:
    """Return the part. `kind`: its kind, or a list of it and the places of the files inside.

    A value that is not of its kind, because the data in Redis are damaged, is shown as JSON.
    """
    kind, *places = kind if isinstance(kind, list) and kind else [kind]
    fits = isinstance(kind, str) and kind in _VALUES and _VALUES[kind](value)
    return Part(name, kind if fits else "json", value, tuple(place for place in places if isinstance(place, str)))


def value_at(value: Any, place: str) -> Any:
    """Return the value at a JSON pointer; None if nothing is there."""
    for key in place.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key) if isinstance(value, list) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_file(value: Any) -> bool:
    return artifact_of(value) is not None


def _is_table(value: Any) -> bool:
    match value:
        case {"columns": list(), "rows": list(rows)}:
            return all(isinstance(row, list) for row in rows)
    return False


_VALUES: dict[str, Callable[[Any], bool]] = {
    **{"json": lambda value: True, "text": _is_text, "markdown": _is_text},
    **{"table": _is_table, "file": _is_file, "picture": _is_file},
}


def time_text(moment: datetime | None) -> str | None:
    """Return the time in RFC 3339, in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
