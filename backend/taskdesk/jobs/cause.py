"""A cause of failures: the task, the type of the error, and the innermost frame of the author's own code.

lua/causes.lua counts a failure in the step that ends its job, and makes the id of the cause. A cause outlives its jobs.
causes.py reads and changes causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from taskdesk.jobs.damage import number_or_zero

MAX_CAUSES = 500  # with one more, the cause that was seen last the longest ago is forgotten
HOURS = 48  # that failures are counted by
MAX_MESSAGE_BYTES = 1_000  # of the sample's error, the rest is cut off


class State(StrEnum):
    """OPEN: to be looked at. MUTED: hidden, and without alerts. RESOLVED: hidden until it is seen again."""

    OPEN = "open"
    MUTED = "muted"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Cause:
    """A cause at one moment. `frame` is "file:function", empty for what is no error of the author's code, such as a
    lost worker.

    `count`: all failures since `first_at`, those included whose jobs were retried, deleted or have expired.
    `open_jobs`: the failed jobs that are there and that nobody has retried.
    `sample`: the id of the job that failed last, with its `message` and the `line` in `frame` (0: unknown).
    `hours`: the failures of each of the last HOURS hours, the oldest first; the last hour is not over.
    `changed_by`, `changed_at`: who muted or resolved it last, and when. `reopened_at`: it was seen again after that.
    """

    id: str
    task: str
    type: str
    title: str
    frame: str
    message: str
    line: int
    sample: str
    first_at: datetime
    last_at: datetime
    count: int
    open_jobs: int
    hours: tuple[int, ...]
    state: State = State.OPEN
    changed_by: str = ""
    changed_at: datetime | None = None
    reopened_at: datetime | None = None


def cause_of(cause_id: str, stored: Mapping[bytes, bytes], open_jobs: int, now: float) -> Cause | None:
    """Return the cause of this hash; None if there is none, or if somebody has damaged it beyond use."""
    texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in stored.items()}
    first_at, last_at = _moment(texts.get("first")), _moment(texts.get("last"))
    if not (first_at and last_at and texts.get("task")):
        return None
    return Cause(
        id=cause_id,
        **{name: texts.get(name, "") for name in ("task", "type", "title", "frame", "message", "sample")},
        line=int(number_or_zero(texts.get("line"))),
        first_at=first_at,
        last_at=last_at,
        count=int(number_or_zero(texts.get("count"))),
        open_jobs=open_jobs,
        hours=_hours(texts, int(now // 3600)),
        state=read_state(stored.get(b"state")),
        changed_by=texts.get("changed_by", ""),
        changed_at=_moment(texts.get("changed")),
        reopened_at=_moment(texts.get("reopened")),
    )


def read_state(stored: bytes | None) -> State:
    """Return the state of a cause; a cause of which nobody has changed it is open."""
    try:
        return State((stored or b"").decode())
    except ValueError:
        return State.OPEN


def _moment(unix: str | None) -> datetime | None:
    seconds = number_or_zero(unix)
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 4e9 else None


def _hours(texts: Mapping[str, str], this: int) -> tuple[int, ...]:
    """Return the counts of the hours up to `this`. A field has the hour since 1970 that it counts, and the number."""
    counts = {}
    for place in range(HOURS):
        hour, _, number = texts.get(f"hour {place}", "").partition(" ")
        counts[int(number_or_zero(hour))] = int(number_or_zero(number))
    return tuple(counts.get(hour, 0) for hour in range(this - HOURS + 1, this + 1))
