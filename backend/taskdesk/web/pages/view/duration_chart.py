"""The chart of a task: how long its last jobs took that succeeded, the newest at the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 40  # bars


@dataclass(frozen=True)
class Bar:
    """A job. `x` counts from the oldest; `height` is up to 100, and high enough to be seen."""

    x: int
    seconds: float
    height: float


def bars(run_times: Sequence[float]) -> list[Bar]:
    """Return a bar for each of the last run times in seconds, oldest first; none for fewer than two."""
    shown = run_times[-MOST:]
    highest = max(shown, default=0) or 1
    heights = [round(max(100 * seconds / highest, 4), 1) for seconds in shown]
    return [Bar(x, *pair) for x, pair in enumerate(zip(shown, heights, strict=True))] if len(shown) > 1 else []
