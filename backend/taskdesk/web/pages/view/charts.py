"""The figures of the page of charts: a bar for each step, the newest at the right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from taskdesk.jobs.charts import Step, Times
from taskdesk.web.pages.view.durations import duration

_LOWEST = 3.0  # of 100, so that a bar can be seen


@dataclass(frozen=True)
class Bar:
    """`x` counts from the oldest step. `height` is up to 100 with `rest` on it: failures, or up to the 95 %."""

    x: int
    height: float
    rest: float
    words: str


@dataclass(frozen=True)
class Figure:
    """`most`: what a bar of full height stands for, in words; empty without bars. `kind`: jobs or seconds."""

    title: str
    kind: str
    bars: list[Bar]
    most: str


def figures_of(steps: Sequence[Step]) -> list[Figure]:
    return [
        _jobs(steps),
        _times("Run time", steps, lambda step: step.run),
        _times("Wait time", steps, lambda step: step.wait),
    ]


def _jobs(steps: Sequence[Step]) -> Figure:
    highest = max(step.succeeded + step.failed for step in steps)
    bars = [
        Bar(
            x,
            _height(step.succeeded, highest),
            _height(step.failed, highest),
            f"{step.succeeded:,} succeeded, {step.failed:,} failed",
        )
        for x, step in enumerate(steps)
        if step.succeeded or step.failed
    ]
    return Figure("Jobs", "jobs", bars, f"{highest:,}" if bars else "")


def _times(title: str, steps: Sequence[Step], of: Callable[[Step], Times | None]) -> Figure:
    found = [(x, times) for x, step in enumerate(steps) if (times := of(step))]
    highest = max((_highest(times) for _, times in found), default=0.0) or 1.0
    bars = [
        Bar(x, height, max(_height(_highest(times), highest) - height, 0), times_in_words(times))
        for x, times in found
        for height in [_height(times.mean, highest)]
    ]
    return Figure(title, "seconds", bars, duration(highest) if bars else "")


def times_in_words(times: Times) -> str:
    at_most = "at most " if math.isfinite(times.p95) else ""
    return f"mean {duration(times.mean)}, 95 % {at_most}{p95_in_words(times)}"


def p95_in_words(times: Times) -> str:
    return duration(times.p95) if math.isfinite(times.p95) else "over 1 h"


def _highest(times: Times) -> float:
    return max(times.mean, times.p95 if math.isfinite(times.p95) else 0)


def _height(value: float, highest: float) -> float:
    return round(max((100 - _LOWEST) * value / highest, _LOWEST), 1) if value else 0.0
