"""How many attempts ended, ran and waited in each minute of the last hour and each hour of the last week.

Redis has a hash for each step of each task and each queue, with the fields of statistics.py. It expires when the
step is out of the longest period that shows it: 60 + 168 hashes at most, of some 250 bytes each, and of 750 if all
bounds occur. A step counts what was written in it, within a second of the end of the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.damage import readable
from taskdesk.jobs.keys import series_key


class Period(NamedTuple):
    """So many steps of so many seconds."""

    step_seconds: int
    steps: int


PERIODS = {"hour": Period(60, 60), "day": Period(3600, 24), "week": Period(3600, 168)}
_KEPT = {period.step_seconds: period.steps for period in sorted(PERIODS.values())}  # steps by their length


def of_task(reference: str) -> str:
    return f"task:{reference}"


def of_queue(name: str) -> str:
    return f"queue:{name}"


def write_step(
    pipeline: Pipeline, subject: str, counts: Mapping[str, int], seconds: Mapping[str, float], now: float
) -> None:
    """Add the counts of `of_task` or `of_queue` to the steps of `now` (Unix time)."""
    for step_seconds, kept in _KEPT.items():
        key = series_key(subject, step_seconds, int(now // step_seconds))
        for field, count in counts.items():
            pipeline.hincrby(key, field, count)
        for field, more in seconds.items():
            pipeline.hincrbyfloat(key, field, round(more, 6))
        pipeline.expire(key, (kept + 1) * step_seconds)


def read_steps(
    redis: Redis, subjects: Sequence[str], period: Period, now: float
) -> list[tuple[float, list[dict[bytes, bytes]]]]:
    """Return each step of the period, oldest first: the Unix time at which it began, and the hash of each subject."""
    last = int(now // period.step_seconds)
    steps = range(last - period.steps + 1, last + 1)
    with redis.pipeline(transaction=False) as pipeline:
        for step in steps:
            for subject in subjects:
                pipeline.hgetall(series_key(subject, period.step_seconds, step))
        answers = iter(pipeline.execute(raise_on_error=False))
    return [(float(step * period.step_seconds), [readable(next(answers), {}) for _ in subjects]) for step in steps]
