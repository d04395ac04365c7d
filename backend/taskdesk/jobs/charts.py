"""The numbers of the charts: attempts that ended, their run and wait times, of a task, of a queue, or of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis

from taskdesk.jobs.series import Period, read_steps
from taskdesk.jobs.statistics import BOUNDS, Histogram, Statistics

_P95 = 0.95


class Times(NamedTuple):
    """Seconds. `p95`: 95 % of the attempts took at most so long, up to the next of BOUNDS; infinite beyond the last."""

    mean: float
    p95: float


class Step(NamedTuple):
    """The attempts that ended in a step of a period, which began at `at` (Unix time). No times: there were none."""

    at: float
    succeeded: int
    failed: int
    run: Times | None
    wait: Times | None


def read_chart(redis: Redis, subjects: Sequence[str], period: Period, now: float) -> list[Step]:
    """Return the steps of a period until `now` (Unix time), oldest first. `subjects`: see series.py."""
    return [_step(at, list(map(Statistics.of, found))) for at, found in read_steps(redis, subjects, period, now)]


def _step(at: float, found: Sequence[Statistics]) -> Step:
    succeeded, failed = sum(one.succeeded for one in found), sum(one.failed for one in found)
    return Step(at, succeeded, failed, _times([one.run for one in found]), _times([one.wait for one in found]))


def _times(histograms: Sequence[Histogram]) -> Times | None:
    counts = [sum(same) for same in zip(*(one.counts for one in histograms), strict=True)]
    attempts = counts[-1] if counts else 0
    if attempts <= 0:
        return None
    p95 = next(bound for bound, count in zip(BOUNDS, counts, strict=True) if count >= math.ceil(_P95 * attempts))
    return Times(sum(one.sum for one in histograms) / attempts, p95)
