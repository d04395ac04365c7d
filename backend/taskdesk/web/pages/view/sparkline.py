"""The chart of a cause: how many failures it had in each of the last hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """An hour with failures. `x` counts from the oldest hour; `height` is up to 100."""

    x: int
    count: int
    height: float
    hours_ago: int


def bars(hours: Sequence[int]) -> list[Bar]:
    """Return a bar for each hour that has failures. Each is high enough to be seen."""
    highest = max(hours, default=0) or 1
    return [
        Bar(x, count, round(max(100 * count / highest, 8), 1), len(hours) - 1 - x)
        for x, count in enumerate(hours)
        if count
    ]
