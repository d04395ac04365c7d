"""One action on many jobs: on some, or on all that a filter matches. The API and the page of jobs share it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from taskdesk.jobs.action import Action, act
from taskdesk.jobs.errors import CountDiffers, FieldError, InvalidArguments
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.submission import MAX_BATCH
from taskdesk.web.access.identity import current_user
from taskdesk.web.access.roles import Access, check_role
from taskdesk.web.context import desk

MAX_BULK = 10_000  # jobs of one action
BULK_SECONDS = 5.0  # for the search for these jobs


def matching_ids(matching: Filter, expected: int | None = None, at: str = "") -> list[str]:
    """Return the ids of all jobs that match.

    Raises CountDiffers if their number is not the expected one; InvalidArguments, at the pointer `at`, if they are more
    than MAX_BULK, or if the search takes longer than BULK_SECONDS.
    """
    until = time.monotonic() + BULK_SECONDS
    ids: dict[str, None] = {}
    cursor: str | None = None
    while True:
        jobs, cursor = desk().jobs.page(MAX_BATCH, cursor, matching)
        ids |= dict.fromkeys(job.id for job in jobs)
        if len(ids) > MAX_BULK:
            raise InvalidArguments([FieldError(at, f"More than {MAX_BULK:,} jobs match. Narrow the filter.")])
        if not cursor:
            break
        if time.monotonic() > until:
            raise InvalidArguments([FieldError(at, "The search takes too long. Narrow the filter.")])
    if expected not in (None, len(ids)):
        raise CountDiffers(expected or 0, len(ids))
    return list(ids)


def act_on_all(action: Action, ids: Sequence[str], matching: Filter | None = None, **option: Any) -> dict[str, int]:
    """Do it with each of these jobs, and return how many jobs had which outcome. Skip the jobs of other users.

    `option`: the value of the action's option, by its name. A retry also skips jobs that were retried already, unless
    the filter that the jobs match asks for these.

    Raises NotAllowed if the role of this request's user is too low.
    """
    check_role(Access(action.role, writes=True), current_user())
    keys = {"is_first": not (matching and matching.retried)} if action.makes_job else option
    parts = (ids[start : start + MAX_BATCH] for start in range(0, len(ids), MAX_BATCH))
    outcomes: Counter[str] = Counter()
    for part in parts:
        own = _own(part)
        outcomes.update(outcome.word for outcome in act(desk(), action, own, **keys))
        outcomes["skipped"] += len(part) - len(own)
    return dict(+outcomes)


def _own(ids: Sequence[str]) -> Sequence[str]:
    """Return the ids of the jobs that the user of this request may change."""
    user = current_user()
    if user is None or user.role == "operator":
        return ids
    owners = desk().jobs.owners(ids)
    return [job_id for job_id, owner in zip(ids, owners, strict=True) if user.may_change(owner or "")]
