"""One action on many jobs: on these, or on all that a filter matches. The API and the page of jobs share it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import RedisError

from jobkit.errors import AppError, CountDiffers, FieldError, InvalidArguments
from jobkit.job import FINAL
from jobkit.jobs import BATCH
from jobkit.listing import Filter
from web.desk import desk
from web.identity import who

MAX_BULK = 10_000
BULK_SECONDS = 5.0  # that the search for them may take


def matching_ids(matching: Filter, expected: int | None = None, at: str = "") -> list[str]:
    """The ids of all jobs that match. Raises CountDiffers if they are not as many as was expected.

    Raises InvalidArguments, at the pointer `at`, if they are too many, or too few to be found in time.
    """
    until = time.monotonic() + BULK_SECONDS
    ids: dict[str, None] = {}
    cursor: str | None = None
    while True:
        jobs, cursor = desk().jobs.page(BATCH, cursor, matching)
        ids |= dict.fromkeys(job.id for job in jobs)
        if len(ids) > MAX_BULK:
            raise InvalidArguments([FieldError(at, f"More than {MAX_BULK:,} jobs match: narrow it.")])
        if not cursor:
            break
        if time.monotonic() > until:
            raise InvalidArguments([FieldError(at, "To look through all jobs takes too long: narrow it.")])
    if expected not in (None, len(ids)):
        raise CountDiffers(expected or 0, len(ids))
    return list(ids)


def act(action: str, ids: Sequence[str]) -> dict[str, int]:
    """Do one of ACTIONS with each of these jobs; how many jobs came to what. Jobs of others are skipped."""
    parts = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    outcomes: Counter[str] = Counter()
    for part in parts:
        own = _own(part)
        outcomes.update(ACTIONS[action](own) if own else [])
        outcomes["skipped"] += len(part) - len(own)
    return dict(+outcomes)


def _own(ids: Sequence[str]) -> Sequence[str]:
    """Those that who asks may change."""
    known = who()
    if known is None or known.role == "operator":
        return ids
    owners = desk().jobs.owners(ids)
    return [job_id for job_id, owner in zip(ids, owners, strict=True) if known.may_change(owner or "")]


def _cancel(ids: Sequence[str]) -> list[str]:
    words = {"canceled": "canceled", "running": "stopping"}
    return [words.get(status, "skipped") for status in desk().jobs.cancel(*ids)]


def _retry(ids: Sequence[str]) -> list[str]:
    return [_retried(job_id) for job_id in ids]


def _retried(job_id: str) -> str:
    try:
        desk().retry(desk().jobs.get(job_id))
    except (AppError, RedisError):  # what was made so far is told, or the next call would make it again
        return "skipped"
    return "retried"


def _keep(ids: Sequence[str]) -> list[str]:
    return ["kept" if status in FINAL else "skipped" for status in desk().jobs.keep(*ids)]


def _delete(ids: Sequence[str]) -> list[str]:
    return ["skipped" if status in ("running", "") else "deleted" for status in desk().delete(*ids)]


ACTIONS: dict[Any, Callable[[Sequence[str]], list[str]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "keep": _keep,
    "delete": _delete,
}
