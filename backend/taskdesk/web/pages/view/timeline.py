"""What has happened to a job, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from taskdesk.jobs.job import Job
from taskdesk.web.pages.view.durations import duration

_ENDS = {"succeeded": "Succeeded", "failed": "Failed", "canceled": "Canceled"}


@dataclass(frozen=True)
class Step:
    """`at` is None where nobody has written it down, and while it `is_to_come`; of what `is_planned` it is when.

    `notes` are said in small letters; `mark` is "", good, bad or warn.
    """

    title: str
    at: datetime | None
    notes: tuple[str, ...] = ()
    mark: str = ""
    error: str = ""
    is_planned: bool = False
    is_to_come: bool = False


def timeline(job: Job, tries: int) -> list[Step]:
    """`tries`: how many the job may have in all."""
    steps = [Step("Created", job.created_at, (f"queued by {job.owner}",) if job.owner else ())]
    first = job.attempt - len(job.attempts)  # the earliest ones may be forgotten
    for number, attempt in enumerate(job.attempts, first):
        steps.append(Step(_started(number, tries), attempt.started_at, _worker(attempt.worker)))
        error = f"{attempt.error['title'] or attempt.error['type']}: {attempt.error['detail']}"
        steps.append(Step("Failed", attempt.ended_at, _took(attempt.started_at, attempt.ended_at), "warn", error))
    if job.attempts and job.enqueued_at and job.status != "scheduled":
        steps.append(Step("Queued again", job.enqueued_at))
    return [*steps, *_last_try(job, tries)]


def _last_try(job: Job, tries: int) -> list[Step]:
    if job.status == "scheduled":
        title = f"{_started(job.attempt, tries)}, planned for" if job.attempts else "Planned for"
        return [Step(title, job.scheduled_at, is_planned=True)]
    has_begun = job.is_final or job.status == "running"
    started_at = job.started_at if has_begun else None  # a job that is tried again has started before
    steps = []
    if started_at or not job.is_final:
        wait = duration((started_at - job.enqueued_at).total_seconds()) if started_at and job.enqueued_at else ""
        notes = (*((f"waited {wait}",) if wait else ()), *_worker(job.worker if started_at else ""))
        begins = _started(job.attempt, tries) if started_at else _started(job.attempt, tries, "Starts")
        steps.append(Step(begins, started_at, notes, is_to_come=not started_at))
    if job.is_final:
        mark = {"succeeded": "good", "failed": "bad"}.get(job.status, "warn")
        steps.append(Step(_ENDS[job.status], job.ended_at, _took(started_at, job.ended_at), mark))
    else:
        steps.append(Step("Ends", None, is_to_come=True))
    return steps


def _started(number: int, tries: int, once: str = "Started") -> str:
    return f"Try {number} of {max(number, tries)}" if max(number, tries) > 1 else once


def _worker(name: str) -> tuple[str, ...]:
    return (f"on worker {name[:8]}",) if name else ()


def _took(since: datetime | None, until: datetime | None) -> tuple[str, ...]:
    return (f"took {duration((until - since).total_seconds())}",) if since and until else ()
