"""What a submit may say besides its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.service import clock

MOST_DAYS = 366  # that a job may be scheduled ahead


class SubmitOptions(TypedDict, total=False):
    """`queue`: its task's unless told. `at`, with a zone: when it is queued; now, if that is over.

    `tags`: see arguments.py. `retry_of`: the id of another job. `owner`: the name of who asks, if known.
    """

    queue: str | None
    at: datetime | None
    tags: Sequence[str]
    retry_of: str
    owner: str
    request_id: str


def check_submit_options(queues: Sequence[str], options: SubmitOptions) -> None:
    """Raises InvalidArguments, whose pointers are `/queue` and `/at`."""
    errors = []
    queue, at = options.get("queue"), options.get("at")
    if queue is not None and queue not in queues:
        errors.append(FieldError("/queue", f"There is no queue {queue!r}: choose one of {', '.join(queues)}."))
    if at and at > clock.utc_now() + timedelta(days=MOST_DAYS):
        errors.append(FieldError("/at", f"This is more than {MOST_DAYS} days ahead: choose an earlier time."))
    if errors:
        raise InvalidArguments(errors)
