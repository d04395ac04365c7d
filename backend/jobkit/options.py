"""What a submit may say besides its arguments: which queue, and when. Tags: see arguments.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jobkit.errors import FieldError, InvalidArguments

MOST_DAYS = 366  # that a job may be scheduled ahead


def check_options(queues: Sequence[str], queue: str | None, at: datetime | None) -> None:
    """Raises InvalidArguments, whose pointers are `/queue` and `/at`."""
    errors = []
    if queue is not None and queue not in queues:
        errors.append(FieldError("/queue", f"There is no queue {queue!r}: choose one of {', '.join(queues)}."))
    if at and at > datetime.now(UTC) + timedelta(days=MOST_DAYS):
        errors.append(FieldError("/at", f"This is more than {MOST_DAYS} days ahead: choose an earlier time."))
    if errors:
        raise InvalidArguments(errors)
