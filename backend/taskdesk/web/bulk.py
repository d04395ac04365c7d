"""One action on many jobs: on these, or on all that a filter matches. The API and the page of jobs share it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import RedisError

from taskdesk.jobs.desk import ActionOutcome
from taskdesk.jobs.errors import CountDiffers, FieldError, InvalidArguments
from taskdesk.jobs.jobs import MAX_BATCH
from taskdesk.jobs.listing import Filter
from taskdesk.service.errors import AppError, NoRoom, RedisAway
from taskdesk.web.access.identity import current_user
from taskdesk.web.context import desk

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
        jobs, cursor = desk().jobs.page(MAX_BATCH, cursor, matching)
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
    """Do one of ACTIONS with each of these jobs; how many jobs came to what.

    Jobs of others are skipped; a retry that finds no room is refused: later it may find some.
    """
    parts = (ids[start : start + MAX_BATCH] for start in range(0, len(ids), MAX_BATCH))
    outcomes: Counter[str] = Counter()
    for part in parts:
        own = _own(part)
        outcomes.update(map(_word, ACTIONS[action](*own) if own else []))
        outcomes["skipped"] += len(part) - len(own)
    return dict(+outcomes)


def _word(outcome: ActionOutcome) -> str:
    if isinstance(outcome, NoRoom):
        return "refused"
    return outcome if isinstance(outcome, str) and outcome in _DONE else "skipped"


def _own(ids: Sequence[str]) -> Sequence[str]:
    """Those that who asks may change."""
    user = current_user()
    if user is None or user.role == "operator":
        return ids
    owners = desk().jobs.owners(ids)
    return [job_id for job_id, owner in zip(ids, owners, strict=True) if user.may_change(owner or "")]


def _retry(*job_ids: str) -> list[ActionOutcome]:
    return [_retried(job_id) for job_id in job_ids]


def _retried(job_id: str) -> ActionOutcome:
    try:
        desk().retry(desk().jobs.get(job_id))
    except AppError as error:
        return error
    except RedisError:  # what was made so far is told, or the next call would make it again
        return RedisAway()
    return "retried"


ACTIONS: dict[Any, Callable[..., list[ActionOutcome]]] = {
    "cancel": lambda *job_ids: desk().cancel(*job_ids),
    "retry": _retry,
    "keep": lambda *job_ids: desk().keep(*job_ids),
    "delete": lambda *job_ids: desk().delete(*job_ids),
}
_DONE = ("canceled", "stopping", "retried", "kept", "deleted")
