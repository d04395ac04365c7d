"""The queues: how many jobs each holds, since when the next one waits, and if the queue is paused.

Reading them costs O(1) or O(log n), however many jobs there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.damage import time_or_none
from taskdesk.jobs.errors import QueueNotFound
from taskdesk.jobs.keys import PAUSED, READY, WIP, ended_key, foreign_key, index_key, job_key, queue_key, registry_key
from taskdesk.jobs.scripts import ALWAYS_RUN, COUNT_SLOT_WAITERS
from taskdesk.jobs.status import Status
from taskdesk.jobs.throughput import LastHour
from taskdesk.service import clock


@dataclass(frozen=True)
class Queue:
    """A queue at one moment. `jobs`: how many by status; `oldest_at`: when the job that is next was queued.

    `handed_back`: how many of the waiting jobs wait for a worker that can run them.
    """

    name: str
    is_paused: bool
    jobs: dict[str, int]
    handed_back: int
    oldest_at: datetime | None
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


class Queues:
    def __init__(self, redis: Redis, names: tuple[str, ...]):
        self._redis = redis
        self.names = names

    def read(self) -> list[Queue]:
        """Return all queues, the most urgent first."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.smembers(PAUSED)
            pipeline.time()
            pipeline.eval(COUNT_SLOT_WAITERS.source, 0, *self.names)
            for name in self.names:
                _ask(pipeline, name)
            paused, (seconds, _), slot_waiters, *answers = pipeline.execute()
            rows = [answers[start : start + _ANSWERS] for start in range(0, len(answers), _ANSWERS)]
            for *_, next_id in rows:
                pipeline.hget(job_key((next_id or b"").decode()), "enqueued_at")
            oldest = pipeline.execute(raise_on_error=False)
        return [
            Queue(
                name,
                name.encode() in paused,
                _by_status(counts, handed_back, ready + waits),
                handed_back,
                None if isinstance(since, Exception) else time_or_none(since),
                LastHour.of(ended, seconds),
            )
            for name, (*counts, ready, handed_back, ended, _), since, waits in zip(
                self.names, rows, oldest, slot_waiters, strict=True
            )
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
_ANSWERS = len(_COUNTS) + 4


def _by_status(counts: Sequence[int], handed_back: int, waiting: int) -> dict[str, int]:
    """Count as waiting also the jobs that were handed back, which RQ has as scheduled, and `waiting` more."""
    jobs: dict[str, int] = dict(zip(_COUNTS, counts, strict=True))
    jobs[Status.SCHEDULED] = max(0, jobs[Status.SCHEDULED] - handed_back)
    jobs[Status.WAITING] += handed_back + waiting
    return jobs


def _ask(pipeline: Pipeline, name: str) -> None:
    """Ask for the number of jobs by status, those that ended in the last hour, and the job that is next."""
    for count in _COUNTS.values():
        count(pipeline, name)
    pipeline.zcard(registry_key(READY, name))
    pipeline.zcard(foreign_key(name))
    pipeline.hgetall(ended_key(name))
    pipeline.lindex(queue_key(name), 0)
