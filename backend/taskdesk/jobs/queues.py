"""The queues: how many jobs each holds, since when the next one waits, and if the queue is paused.

Reading them costs O(1) or O(log n), however many jobs there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.damage import readable, time_or_none
from taskdesk.jobs.errors import QueueNotFound
from taskdesk.jobs.keys import PAUSED, READY, WIP, ended_key, foreign_key, index_key, job_key, queue_key, registry_key
from taskdesk.jobs.scripts import ALWAYS_RUN, COUNT_SLOT_WAITERS
from taskdesk.jobs.status import Status
from taskdesk.jobs.throughput import LastHour
from taskdesk.service import clock


@dataclass(frozen=True)
class Queue:
    """A queue at one moment. `jobs`: how many by status. `due`: how many of the scheduled jobs have reached their time.

    `oldest_at`: since when the oldest queued or due job waits, `oldest_seconds`: for how long; None and 0 if there is
    none, or if its time is unreadable. `handed_back`: how many of the waiting jobs wait for a worker that can run them.
    """

    name: str
    is_paused: bool
    jobs: dict[str, int]
    handed_back: int
    due: int
    oldest_at: datetime | None
    oldest_seconds: float
    last_hour: LastHour

    @property
    def drains_in(self) -> float | None:
        """Seconds until the queue is empty, at the rate at which jobs ended since the next one was queued.

        None if the queue is paused, or no job has ended since.
        """
        if not self.jobs[Status.QUEUED]:
            return 0.0
        rate = self.last_hour.jobs_per_second(self.oldest_at.timestamp()) if self.oldest_at else 0
        return self.jobs[Status.QUEUED] / rate if rate and not self.is_paused else None

    def wanted_workers(self, mean_seconds: float | None, target: float) -> int:
        """Return how many workers start all waiting jobs within `target` seconds, and end those that are running.

        That is (waiting + running) × `mean_seconds` / `target`, rounded up; at least as many as are running, and 1 if a
        job waits; at most one for each of these jobs, also if `mean_seconds`, how long a job takes, is unknown (None).
        """
        running = self.jobs[Status.RUNNING]
        waiting = 0 if self.is_paused else self.jobs[Status.QUEUED] + self.due
        jobs = waiting + running
        wanted = jobs if mean_seconds is None else math.ceil(min(jobs * mean_seconds / target, jobs))
        return max(wanted, running, min(waiting, 1))


class Queues:
    def __init__(self, redis: Redis, names: tuple[str, ...]):
        self._redis = redis
        self.names = names

    def read(self) -> list[Queue]:
        """Return all queues, the most urgent first. A key of another type counts as empty."""
        sent_at = clock.monotonic()
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.smembers(PAUSED)
            pipeline.time()
            pipeline.eval(COUNT_SLOT_WAITERS.source, 0, *self.names)
            for name in self.names:
                _ask(pipeline, name)
            paused, redis_time, slot_waiters, *answers = pipeline.execute(raise_on_error=False)
            now = clock.adjust(readable(redis_time, None), sent_at)
            rows = [_Row.of(answers[start : start + _ANSWERS]) for start in range(0, len(answers), _ANSWERS)]
            for row in rows:
                for job_id in row.head:
                    pipeline.hget(job_key(job_id.decode(errors="replace")), "enqueued_at")
            times = iter(pipeline.execute(raise_on_error=False))
        return [
            row.queue(name, name.encode() in readable(paused, ()), waits, [next(times) for _ in row.head], now)
            for name, row, waits in zip(self.names, rows, readable(slot_waiters, ()), strict=True)
        ]

    def get(self, name: str) -> Queue:
        """Return the queue of this name. Raises QueueNotFound."""
        self._check(name)
        return next(queue for queue in self.read() if queue.name == name)

    def pause(self, name: str) -> None:
        """Start no more jobs of the queue. Running jobs go on. Raises QueueNotFound."""
        self._check(name)
        ALWAYS_RUN(self._redis, "SADD", PAUSED, name)

    def resume(self, name: str) -> None:
        """Start jobs of the queue again. Raises QueueNotFound."""
        self._check(name)
        self._redis.srem(PAUSED, name)

    def _check(self, name: str) -> None:
        if name not in self.names:
            raise QueueNotFound(name, self.names)


_COUNTS: dict[Status, Callable[[Pipeline, str], Any]] = {
    Status.QUEUED: lambda pipeline, queue: pipeline.llen(queue_key(queue)),
    Status.RUNNING: lambda pipeline, queue: pipeline.zcard(registry_key(WIP, queue)),
    Status.SUCCEEDED: lambda pipeline, queue: pipeline.zcount(
        registry_key(Status.SUCCEEDED.rq, queue), clock.now(), "+inf"
    ),
    Status.FAILED: lambda pipeline, queue: pipeline.zcard(index_key(queue, Status.FAILED)),
    Status.SCHEDULED: lambda pipeline, queue: pipeline.zcard(registry_key(Status.SCHEDULED.rq, queue)),
    Status.WAITING: lambda pipeline, queue: pipeline.zcard(registry_key(Status.WAITING.rq, queue)),
    Status.CANCELED: lambda pipeline, queue: pipeline.zcard(index_key(queue, Status.CANCELED)),
}
_HEAD = 10  # jobs: one that was put back at the head is younger than those behind it


class _Row(NamedTuple):
    """What Redis answers about one queue. `due`: the scheduled job whose time came first, with that time (Unix)."""

    counts: list[int]
    ready: int
    handed_back: int
    ended: dict[bytes, bytes]
    due_jobs: int
    due: list[tuple[bytes, float]]
    head: list[bytes]

    @classmethod
    def of(cls, answers: Sequence[Any]) -> _Row:
        counts, others = answers[: len(_COUNTS)], answers[len(_COUNTS) :]
        empty: tuple[Any, ...] = (0, 0, {}, 0, [], [])
        others = [readable(answer, nothing) for answer, nothing in zip(others, empty, strict=True)]
        return cls([readable(count, 0) for count in counts], *others)

    def queue(self, name: str, is_paused: bool, waiting: int, times: Sequence[Any], now: float) -> Queue:
        """Return the queue. `times`: when the jobs of `head` were queued (RQ's text); `waiting`: as in `_by_status`."""
        since = [moment.timestamp() for time in times if (moment := time_or_none(readable(time, None)))]
        oldest = min([*since, *(score for _, score in self.due)], default=None)
        return Queue(
            name,
            is_paused,
            _by_status(self.counts, self.handed_back, self.ready + waiting),
            self.handed_back,
            self.due_jobs,
            None if oldest is None else datetime.fromtimestamp(oldest, UTC),
            0.0 if oldest is None else max(0.0, now - oldest),
            LastHour.of(self.ended, now),
        )


_ANSWERS = len(_COUNTS) + 6


def _ask(pipeline: Pipeline, name: str) -> None:
    """Ask for what `_Row.of` takes."""
    for count in _COUNTS.values():
        count(pipeline, name)
    pipeline.zcard(registry_key(READY, name))
    pipeline.zcard(foreign_key(name))
    pipeline.hgetall(ended_key(name))
    scheduled = registry_key(Status.SCHEDULED.rq, name)
    pipeline.zcount(scheduled, 0, clock.now())
    pipeline.zrangebyscore(scheduled, 0, clock.now(), start=0, num=1, withscores=True)
    pipeline.lrange(queue_key(name), 0, _HEAD - 1)


def _by_status(counts: Sequence[int], handed_back: int, waiting: int) -> dict[str, int]:
    """Count as waiting also the jobs that were handed back, which RQ has as scheduled, and `waiting` more."""
    jobs: dict[str, int] = dict(zip(_COUNTS, counts, strict=True))
    jobs[Status.SCHEDULED] = max(0, jobs[Status.SCHEDULED] - handed_back)
    jobs[Status.WAITING] += handed_back + waiting
    return jobs
