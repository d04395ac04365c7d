"""The steps in the life of a job, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from taskdesk.jobs.checkpoints import Place
from taskdesk.jobs.job import Job
from taskdesk.web.pages.view.durations import duration


@dataclass(frozen=True)
class Step:
    """`at` is None if it is unknown or `is_to_come`; for a step that `is_planned` it is in the future.

    `notes` stand behind it in small letters, and then the worker; `mark` is "", good, bad or warn.
    """

    title: str
    at: datetime | None
    notes: tuple[str, ...] = ()
    mark: str = ""
    error: str = ""
    worker: str = ""
    is_planned: bool = False
    is_to_come: bool = False


def timeline(job: Job, max_attempts: int) -> list[Step]:
    steps = [Step("Created", job.created_at, (f"queued by {job.owner}",) if job.owner else ())]
    first = job.attempt - len(job.attempts)  # only the last ten are kept
    for number, attempt in enumerate(job.attempts, first):
        steps.append(Step(_started(number, max_attempts), attempt.started_at, worker=attempt.worker))
        error = f"{attempt.error['title'] or attempt.error['type']}: {attempt.error['detail']}"
        steps.append(Step("Failed", attempt.ended_at, _took(attempt.started_at, attempt.ended_at), "warn", error))
    if job.attempts and job.enqueued_at and job.status != "scheduled":  # nothing says when the earlier ones were
        steps.append(Step("Requeued", job.enqueued_at))
    return [*steps, *_last_attempt(job, max_attempts)]


def _last_attempt(job: Job, max_attempts: int) -> list[Step]:
    if job.status == "scheduled":
        title = f"{_started(job.attempt, max_attempts)}, scheduled for" if job.attempts else "Scheduled for"
        return [Step(title, job.scheduled_at, is_planned=True)]
    has_started = job.is_final or job.status == "running"
    started_at = job.started_at if has_started else None  # a job that waits for its retry has one from before
    steps = []
    if started_at or not job.is_final:
        wait = duration((started_at - job.enqueued_at).total_seconds()) if started_at and job.enqueued_at else ""
        resumed = job.resumed if started_at else None
        notes = (*_resumed(resumed), *((f"queued for {wait}",) if wait else ()))
        title = _started(job.attempt, max_attempts, "Started" if started_at else "Starts")
        steps.append(Step(title, started_at, notes, worker=job.worker if started_at else "", is_to_come=not started_at))
    if job.is_final:
        mark = {"succeeded": "good", "failed": "bad"}.get(job.status, "warn")
        steps.append(Step(job.status.capitalize(), job.ended_at, _took(started_at, job.ended_at), mark))
    else:
        steps.append(Step("Finishes", None, is_to_come=True))
    return steps


def _started(number: int, max_attempts: int, only: str = "Started") -> str:
    return f"Attempt {number} of {max(number, max_attempts)}" if max(number, max_attempts) > 1 else only


def _resumed(place: Place | None) -> tuple[str, ...]:
    if not place:
        return ()
    if place.done is None:
        return ("resumed at its checkpoint",)
    of = f" of {place.total:,}" if place.total is not None else ""
    return (f"resumed at {place.done:,}{of}",)


def _took(since: datetime | None, until: datetime | None) -> tuple[str, ...]:
    return (f"took {duration((until - since).total_seconds())}",) if since and until else ()
