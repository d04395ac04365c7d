"""The chart of a queue: how many jobs ended in each minute of the last hour."""

from __future__ import annotations

from dataclasses import dataclass

from taskdesk.jobs.throughput import MINUTES, LastHour


@dataclass(frozen=True)
class Bar:
    """A minute in which jobs ended. `x` counts from the oldest minute; `good` and `bad` are heights up to 100."""

    x: int
    succeeded: int
    failed: int
    good: float
    bad: float

    @property
    def total(self) -> int:
        return self.succeeded + self.failed

    @property
    def minutes_ago(self) -> int:
        return MINUTES - 1 - self.x


def bars(last_hour: LastHour) -> list[Bar]:
    """Return a bar for each minute in which jobs ended. Each is high enough to be seen."""
    minutes = list(zip(last_hour.succeeded, last_hour.failed, strict=True))
    highest = max(map(sum, minutes)) or 1
    return [
        Bar(x, good, bad, _height(good, highest), _height(bad, highest))
        for x, (good, bad) in enumerate(minutes)
        if good or bad
    ]


def _height(jobs: int, highest: int) -> float:
    return round(max(94 * jobs / highest, 3), 1) if jobs else 0  # 94 + 3: a bar of few failures fits on a full one
