"""The time as RQ writes it, and as our JSON has it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from taskdesk.service import clock


def now_text() -> str:
    """Return the time by Redis's clock, in UTC with microseconds."""
    now = clock.now()
    second = int(now)
    return f"{_text(second)}.{int((now - second) * 1_000_000):06d}Z"


@lru_cache(maxsize=1)  # within a second only the microseconds change
def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_text(moment: datetime | None) -> str | None:
    """Return the time in RFC 3339, in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
