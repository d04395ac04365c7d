"""Damaged data in Redis: any field of any hash may hold anything, by a fault of a tool or of a disk.

The object is shown as unreadable, with what can still be read, and nothing else fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)  # when it is read
_FIRST_YEAR, _LAST_YEAR = 1970, 2999  # beyond, arithmetic with times fails


def damaged_fields(fields: Mapping[str, bytes | None], read: Callable[[dict[str, bytes | None]], Any]) -> list[str]:
    """Return the fields that `read` can't read: it is called with each of them alone, all others missing."""
    empty: dict[str, bytes | None] = dict.fromkeys(fields)
    return [name for name, value in fields.items() if value is not None and not _succeeds(read, {**empty, name: value})]


def _succeeds(read: Callable[[Any], Any], fields: dict[str, bytes | None]) -> bool:
    try:
        read(fields)
    except DAMAGE:
        return False
    return True


def is_wrong_type(answer: Any) -> bool:
    """Return True if a key holds another type than a hash. Raises any other error that Redis has answered with."""
    if not isinstance(answer, Exception):
        return False
    if isinstance(answer, ResponseError) and "WRONGTYPE" in (str(answer) + str(getattr(answer, "status_code", ""))):
        return True
    raise answer


def readable(answer: Any, otherwise: Any) -> Any:
    """Return the answer, or `otherwise` for a key of another type. Raises any other error of Redis."""
    return otherwise if is_wrong_type(answer) else answer


def read_time(value: bytes | None) -> datetime | None:
    """Return a time as RQ writes it. Raises ValueError."""
    if not value:
        return None
    moment = datetime.fromisoformat(value.decode())
    if moment.tzinfo is None or not _FIRST_YEAR < moment.year < _LAST_YEAR:
        raise ValueError(f"{value!r} is no time of a job")
    return moment


def time_or_none(value: bytes | None) -> datetime | None:
    """As `read_time`, but return None for a damaged time."""
    try:
        return read_time(value)
    except ValueError:
        return None


def number_or_zero(value: bytes | str | None) -> float:
    """Return a number of a counter, 0 for a damaged one."""
    try:
        number = float(value or 0)
    except ValueError:
        return 0.0
    return number if 0 <= number < 1e15 else 0.0
