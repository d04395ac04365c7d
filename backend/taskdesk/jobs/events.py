"""The events of a job for those who watch it: a capped stream per job, its log (joblog.py), and a channel that wakes.

The worker writes, the web reads. A stream expires an hour after the job's end. A message on the channel only says that
a job has news, so a lost one costs a delay and never an event.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

from taskdesk.jobs import joblog
from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.fields import FOREIGN, LOG_TIMES
from taskdesk.jobs.keys import WAKE, events_key, job_key

MAX_EVENTS = 500
EVENTS_TTL_SECONDS = 3600
_MAX_OFFSET = 2**53  # bytes that a job may have printed


@dataclass(frozen=True)
class Event:
    """`type` is "progress" or "log"; `id` orders the events of a job."""

    id: str
    type: str
    data: dict[str, Any]


def emit(pipeline: Pipeline, job_id: str, type: str, data: dict[str, Any], *, ttl: int = EVENTS_TTL_SECONDS) -> None:
    """Add an event and wake the watchers. `ttl` (seconds) must outlast the job."""
    key = events_key(job_id)
    pipeline.xadd(key, {"type": type, "data": json.dumps(data)}, maxlen=MAX_EVENTS, approximate=True)
    pipeline.expire(key, ttl)
    pipeline.publish(WAKE, job_id)


def read(redis: Redis, job_id: str, after: str = "0-0") -> list[Event]:
    """Return the events of a job after the event `after`, oldest first."""
    return _restore(redis.xrange(events_key(job_id), f"({after}"))


def news_of(redis: Redis, job_id: str, after: str) -> tuple[tuple[bytes, bytes | None] | None, list[Event]]:
    """Return the arguments for `status_of` (None if there is no such job), and its events after `after`. Each log event
    has its `text`.

    Two round trips, however many events there are. The status is read first: if it is final, no more events follow.
    """
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.hmget(job_key(job_id), "status", FOREIGN)
        pipeline.xrange(events_key(job_id), f"({after}")
        values, entries = pipeline.execute(raise_on_error=False)
    status, foreign = (None, None) if is_wrong_type(values) else values
    events = [] if is_wrong_type(entries) else _restore(entries)
    try:
        joblog.add_texts(redis, job_id, [event.data for event in events if event.type == "log"])
    except ResponseError as error:
        is_wrong_type(error)  # else it is raised again
        events = [event for event in events if event.type != "log"]
    return (status, foreign) if status else None, events


def _restore(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Event]:
    """Return the events that are intact: what somebody else has written into the stream is left out."""
    events = []
    for event_id, fields in entries:
        type, data = fields.get(b"type", b"").decode(errors="replace"), _object(fields.get(b"data", b""))
        if data is not None and _IS_INTACT.get(type, lambda _: False)(data):
            events.append(Event(event_id.decode(), type, data))
    return events


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_piece(data: dict[str, Any]) -> bool:
    """Return True if the data of a log event say where a piece is, and nothing that Redis could not count."""
    place = data.get("offset"), data.get("size")
    return all(type(number) is int and 0 <= number < _MAX_OFFSET for number in place)


_IS_INTACT: dict[str, Callable[[dict[str, Any]], bool]] = {"log": _is_piece, "progress": lambda data: True}


# A job that was deleted meanwhile must not come back as a hash with nothing but this field.
SET_IF_THERE = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end"


def append_log(redis: Redis, job_id: str, content: bytes, *, offset: int, ttl: int, times: str = "") -> int:
    """Add what was printed from position `offset` on to a job's log. Return the log's new size.

    `times`: the records that say when it was printed (log_times.py), if there are new ones.
    """
    with redis.pipeline() as pipeline:
        joblog.write(pipeline, job_id, content, offset=offset, ttl=ttl)
        if times:
            pipeline.eval(SET_IF_THERE, 1, job_key(job_id), LOG_TIMES, times)
        emit(pipeline, job_id, "log", {"offset": offset, "size": len(content)}, ttl=ttl)
        pipeline.execute()
    return offset + len(content)


@dataclass(frozen=True)
class Progress:
    current: float
    total: float
    message: str

    @property
    def percent(self) -> float:
        """From 0 to 100, whatever the task reported."""
        share = self.current / self.total if self.total else 0.0
        return round(100 * min(max(share, 0.0), 1.0), 1) if math.isfinite(share) else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {"percent": self.percent, "current": self.current, "total": self.total, "message": self.message}
