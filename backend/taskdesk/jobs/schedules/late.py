"""Schedules whose slot did not run, for metrics and alerts."""

from __future__ import annotations

from typing import NamedTuple

from redis import Redis

from taskdesk.jobs.keys import SCHEDULES, TROUBLED_SCHEDULES
from taskdesk.jobs.schedules.plan import ON_TIME_SECONDS

MAX_LATE = 1_000  # that are named


class LateSchedule(NamedTuple):
    """A schedule and its slot (Unix) that did not run: it still waits, or it was skipped because it could not run."""

    schedule_id: str
    slot: int


def late_schedules(redis: Redis, now: float) -> list[LateSchedule]:
    """Return the schedules whose last slot was due a minute ago and did not run, the longest first.

    A slot that was skipped because a job had not ended is not late, nor are those of a paused schedule. `now` is by
    Redis's clock. Costs O(log n + late schedules).
    """
    before = now - ON_TIME_SECONDS
    with redis.pipeline(transaction=False) as pipeline:
        for key in (SCHEDULES, TROUBLED_SCHEDULES):
            pipeline.zrangebyscore(key, "-inf", before, 0, MAX_LATE, withscores=True)
        due, troubled = pipeline.execute()
    slots = {**dict(due), **dict(troubled)}  # for one that waits, SCHEDULES has when it is looked at again
    late = [LateSchedule(schedule_id.decode(), int(slot)) for schedule_id, slot in slots.items()]
    return sorted(late, key=lambda one: one.slot)


def schedule_lag(redis: Redis, now: float) -> float:
    """Return for how many seconds the slot that is due for the longest has waited; 0 if none is due."""
    first = redis.zrangebyscore(SCHEDULES, "-inf", now, 0, 1, withscores=True)
    return max(0.0, now - first[0][1]) if first else 0.0
