"""Schedules whose slot did not run: the one rule for pages, API, metrics and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.keys import SCHEDULES, TROUBLED_SCHEDULES
from taskdesk.jobs.schedules.plan import ON_TIME_SECONDS

MAX_LATE = 1_000  # that are named
Answer = Sequence[tuple[bytes, float]]  # ids with scores


class LateSchedule(NamedTuple):
    """A schedule and its slot (Unix) that did not run: it still waits, or it was skipped because it could not run."""

    schedule_id: str
    slot: int


def late_schedules(redis: Redis, now: float) -> list[LateSchedule]:
    """Return the schedules whose last slot was due a minute ago and did not run, the longest first.

    A slot that was skipped because a job had not ended is not late, nor are those of a paused schedule. `now` is by
    Redis's clock. Costs O(log n + late schedules).
    """
    with redis.pipeline(transaction=False) as pipeline:
        ask_for_due(pipeline, now)
        return late_of(*pipeline.execute(), now=now)


def late_among(redis: Redis, schedule_ids: Sequence[str], now: float) -> set[str]:
    """Return those of these schedules that are late, as in `late_schedules`."""
    if not schedule_ids:
        return set()
    with redis.pipeline(transaction=False) as pipeline:
        for key in (SCHEDULES, TROUBLED_SCHEDULES):
            pipeline.zmscore(key, schedule_ids)
        due, troubled = (
            [(name.encode(), slot) for name, slot in zip(schedule_ids, slots, strict=True) if slot is not None]
            for slots in pipeline.execute()
        )
    return {late.schedule_id for late in late_of(due, troubled, now=now)}


def ask_for_due(pipeline: Pipeline, now: float) -> None:
    """Ask for what `late_of` and `lag_of` take: two answers."""
    for key in (SCHEDULES, TROUBLED_SCHEDULES):
        pipeline.zrangebyscore(key, "-inf", now, 0, MAX_LATE, withscores=True)


def late_of(due: Answer, troubled: Answer, *, now: float) -> list[LateSchedule]:
    slots = {**dict(due), **dict(troubled)}  # for one that waits, `due` has when it is looked at again
    late = [LateSchedule(name.decode(), int(slot)) for name, slot in slots.items() if slot <= now - ON_TIME_SECONDS]
    return sorted(late, key=lambda one: one.slot)


def lag_of(due: Answer, now: float) -> float:
    """Return for how many seconds the slot that is due for the longest has waited; 0 if none is due."""
    return max(0.0, now - due[0][1]) if due else 0.0
