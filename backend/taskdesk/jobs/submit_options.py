"""The options of a submit: everything but the arguments of the task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.schema_rules import sentence
from taskdesk.service import clock
from taskdesk.service.outbound import fault_of_url

MAX_DAYS_AHEAD = 366  # for which a job may be scheduled
_THIS_MINUTE = timedelta(minutes=2)


class SubmitOptions(TypedDict, total=False):
    """`queue` replaces the queue of the task. `at`, with a zone: when the job is queued; a time in the past means now.

    `webhook`: the URL that hears of the end of the job; empty for none, None for that of the task. `tags`: see
    arguments.py. `retry_of`: the id of the job that is run again. `owner`: the name of the user, or empty.
    `first_retry`: refuse if another job repeats that one already.
    """

    queue: str | None
    at: datetime | None
    tags: Sequence[str]
    webhook: str | None
    retry_of: str
    first_retry: bool
    owner: str
    request_id: str


def check_submit_options(queues: Sequence[str], options: SubmitOptions) -> None:
    """Raise InvalidArguments, at the pointers `/queue`, `/at` and `/webhook`."""
    errors = []
    queue, at = options.get("queue"), options.get("at")
    if queue is not None and queue not in queues:
        errors.append(FieldError("/queue", f"There is no queue {queue!r}. Choose one of: {', '.join(queues)}."))
    if at and not at.tzinfo:
        errors.append(FieldError("/at", sentence("format", "date-time")))
    elif at and at > clock.utc_now() + timedelta(days=MAX_DAYS_AHEAD):
        errors.append(FieldError("/at", f"This is more than {MAX_DAYS_AHEAD} days ahead. Choose an earlier time."))
    if (url := options.get("webhook")) and (fault := fault_of_url(url)):
        errors.append(FieldError("/webhook", fault))
    if errors:
        raise InvalidArguments(errors)


def refuse_the_past(at: datetime | None, instead: str) -> None:
    """Raise InvalidArguments, at `/at`, for a time that has passed: a form has no seconds, and takes a while."""
    if at and at < clock.utc_now() - _THIS_MINUTE:
        raise InvalidArguments([FieldError("/at", f"This time has passed. Choose a later one, or {instead}.")])


def check_key(key: str | None, pointer: str) -> None:
    """Raise InvalidArguments, at this pointer, for an Idempotency-Key that is none."""
    if key is not None and not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidArguments([FieldError(pointer, "Must be 1 to 255 printable ASCII characters.")])
