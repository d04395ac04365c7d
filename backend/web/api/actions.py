"""What can be done with jobs: cancel, retry, keep, delete; with one, or with all that a filter matches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, request
from redis.exceptions import RedisError

from jobkit.errors import AppError, CountDiffers, FieldError, InvalidArguments, JobRuns, NotEnded
from jobkit.job import FINAL
from jobkit.jobs import BATCH
from web.api.query import job_filter
from web.api.tasks import Answer, accepted, idempotency_key
from web.desk import desk
from web.forms import json_object
from web.present import job_object
from web.waiting import preferred_wait

MAX_BULK = 10_000
BULK_SECONDS = 5.0  # that the search for them may take


def add_routes(bp: Blueprint) -> None:
    bp.post("/jobs/<job_id>/cancel")(cancel_job)
    bp.post("/jobs/<job_id>/retry")(retry_job)
    bp.post("/jobs/<job_id>/keep")(keep_job)
    bp.delete("/jobs/<job_id>")(delete_job)
    bp.post("/jobs:bulk")(bulk)


def cancel_job(job_id: str) -> tuple[dict[str, Any], int]:
    """200: it is canceled, or had ended before; 202: it runs, and is being stopped."""
    desk().jobs.get(job_id)  # 404 and 410 are its to tell
    [status] = desk().jobs.cancel(job_id)
    return job_object(desk().jobs.get(job_id), whole=True), 202 if status == "running" else 200


def retry_job(job_id: str) -> Answer:
    """A new job with the same input."""
    seconds = preferred_wait(request)
    return accepted(desk().retry(desk().jobs.get(job_id), key=idempotency_key(request)), seconds)


def keep_job(job_id: str) -> dict[str, Any]:
    desk().jobs.get(job_id)  # 404 and 410 are its to tell
    [status] = desk().jobs.keep(job_id)
    if status not in FINAL:
        raise NotEnded(job_id, status)
    return job_object(desk().jobs.get(job_id), whole=True)


def delete_job(job_id: str) -> tuple[str, int]:
    desk().jobs.get(job_id)
    if desk().delete(job_id) == ["running"]:
        raise JobRuns(job_id)
    return "", 204


def bulk() -> dict[str, Any]:
    """Do `action` with each job that `filter` matches, if they are `expected_count`."""
    body = json_object(request)
    action, expected = body.get("action"), cast(Any, body.get("expected_count"))
    errors = [FieldError(f"/{name}", "There is no such member.") for name in sorted(body.keys() - _MEMBERS)]
    if not (isinstance(action, str) and action in _ACTIONS):
        errors.append(FieldError("/action", f"This has to be one of: {', '.join(_ACTIONS)}."))
    if type(expected) not in (int, float) or expected < 0 or expected % 1:  # 3.0 is a whole number, too
        errors.append(
            FieldError("/expected_count", "This has to be a whole number: how many jobs you expect to match.")
        )
    if not isinstance(body.get("filter"), dict):
        errors.append(FieldError("/filter", 'This has to be an object, such as {"status": "failed"}.'))
    if errors:
        raise InvalidArguments(errors)
    ids = _matching(body["filter"])
    if len(ids) != expected:
        raise CountDiffers(int(expected or 0), len(ids))
    outcomes = Counter(
        status for start in range(0, len(ids), BATCH) for status in _ACTIONS[action](ids[start : start + BATCH])
    )
    return {"action": action, "count": len(ids), "outcomes": dict(outcomes)}


def _matching(query: dict[str, Any]) -> list[str]:
    """The ids of all jobs that match. Raises InvalidArguments if they are too many, or too few to be found in time."""
    matching = job_filter(query, "/filter")
    until = time.monotonic() + BULK_SECONDS
    ids: list[str] = []
    cursor: str | None = None
    while True:
        jobs, cursor = desk().jobs.page(BATCH, cursor, matching)
        ids += [job.id for job in jobs]
        if len(ids) > MAX_BULK:
            raise InvalidArguments([FieldError("/filter", f"More than {MAX_BULK:,} jobs match: narrow it.")])
        if not cursor:
            return ids
        if time.monotonic() > until:
            raise InvalidArguments([FieldError("/filter", "To look through all jobs takes too long: narrow it.")])


def _cancel(ids: list[str]) -> list[str]:
    words = {"canceled": "canceled", "running": "stopping"}
    return [words.get(status, "skipped") for status in desk().jobs.cancel(*ids)]


def _retry(ids: list[str]) -> list[str]:
    return [_retried(job_id) for job_id in ids]


def _retried(job_id: str) -> str:
    try:
        desk().retry(desk().jobs.get(job_id))
    except (AppError, RedisError):  # what was made so far is told, or the next call would make it again
        return "skipped"
    return "retried"


def _keep(ids: list[str]) -> list[str]:
    return ["kept" if status in FINAL else "skipped" for status in desk().jobs.keep(*ids)]


def _delete(ids: list[str]) -> list[str]:
    return ["skipped" if status in ("running", "") else "deleted" for status in desk().delete(*ids)]


_MEMBERS = {"action", "filter", "expected_count"}
_ACTIONS: dict[Any, Callable[[list[str]], list[str]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "keep": _keep,
    "delete": _delete,
}
