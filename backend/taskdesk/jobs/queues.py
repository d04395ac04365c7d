"""Queues: how much waits in each, since when, and whether it is paused. All of it is O(1) or O(log n) to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.errors import QueueNotFound
from taskdesk.jobs.keys import PAUSED, ended_key, foreign_key, index_key, job_key, queue_key, registry_key
from taskdesk.jobs.scripts import ALWAYS_RUN
from taskdesk.jobs.status import Status
from taskdesk.jobs.throughput import LastHour
from taskdesk.service import clock


@dataclass(frozen=True)
class Queue:
    """`jobs`: how many of each status; `oldest_at`: when the next job to run was put on the queue.

    `handed_back`: how many of those that are waiting wait for a worker that can run them.
    """

    name: str
    is_paused: bool
    jobs: dict[str, int]
    handed_back: int
    oldest_at: datetime | None
    last_hour: LastHour

    @property
    def drains_in(self) -> float | None:
        """Seconds until none of its jobs waits, if they go on to end as they did since the next one waits.

        None if it is paused, or none has ended since.
        """
        if not self.jobs[Status.QUEUED]:
            return 0.0
        pace = self.last_hour.pace(self.oldest_at.timestamp()) if self.oldest_at else 0
        return self.jobs[Status.QUEUED] / pace if pace and not self.is_paused else None


class Queues:
    def __init__(self, redis: Redis, names: tuple[str, ...]):
        self._redis = redis
        self.names = names

    def read(self) -> list[Queue]:
        """All of them, the most urgent first."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.smembers(PAUSED)
            pipeline.time()
            for name in self.names:
                _ask(pipeline, name)
            paused, (seconds, _), *answers = pipeline.execute()
            rows = [answers[start : start + _ANSWERS] for start in range(0, len(answers), _ANSWERS)]
            for *_, next_id in rows:
                pipeline.hget(job_key((next_id or b"").decode()), "enqueued_at")
            oldest = pipeline.execute()
        return [
            Queue(
                name,
                name.encode() in paused,
                _by_status(counts, handed_back),
                handed_back,
                datetime.fromisoformat(since.decode()) if since else None,
                LastHour.of(ended, seconds),
            )
            for name, (*counts, handed_back, ended, _), since in zip(self.names, rows, oldest, strict=True)
        ]

    def get(self, name: str) -> Queue:
        """Raises QueueNotFound."""
        self._check(name)
        return next(queue for queue in self.read() if queue.name == name)

    def pause(self, name: str) -> None:
        """Let no job of the queue begin; those that run go on. Raises QueueNotFound."""
        self._check(name)
        ALWAYS_RUN(self._redis, "SADD", PAUSED, name)

    def resume(self, name: str) -> None:
        """Raises QueueNotFound."""
        self._check(name)
        self._redis.srem(PAUSED, name)

    def _check(self, name: str) -> None:
        if name not in self.names:
            raise QueueNotFound(name, self.names)


_COUNTS: dict[Status, Callable[[Pipeline, str], Any]] = {
    Status.QUEUED: lambda pipeline, queue: pipeline.llen(queue_key(queue)),
    Status.RUNNING: lambda pipeline, queue: pipeline.zcard(registry_key("wip", queue)),
    Status.SUCCEEDED: lambda pipeline, queue: pipeline.zcount(
        registry_key(Status.SUCCEEDED.rq, queue), clock.now(), "+inf"
    ),
    Status.FAILED: lambda pipeline, queue: pipeline.zcard(index_key(queue, Status.FAILED)),
    Status.SCHEDULED: lambda pipeline, queue: pipeline.zcard(registry_key(Status.SCHEDULED.rq, queue)),
    Status.WAITING: lambda pipeline, queue: pipeline.zcard(registry_key(Status.WAITING.rq, queue)),
    Status.CANCELED: lambda pipeline, queue: pipeline.zcard(index_key(queue, Status.CANCELED)),
}
_ANSWERS = len(_COUNTS) + 3


def _by_status(counts: Sequence[int], handed_back: int) -> dict[str, int]:
    """Count the jobs that were handed back as waiting: RQ has them as scheduled."""
    jobs: dict[str, int] = dict(zip(_COUNTS, counts, strict=True))
    jobs[Status.SCHEDULED] = max(0, jobs[Status.SCHEDULED] - handed_back)
    jobs[Status.WAITING] += handed_back
    return jobs


def _ask(pipeline: Pipeline, name: str) -> None:
    """Ask for the number of jobs by status, those that ended in the last hour, and the job that is next."""
    for count in _COUNTS.values():
        count(pipeline, name)
    pipeline.zcard(foreign_key(name))
    pipeline.hgetall(ended_key(name))
    pipeline.lindex(queue_key(name), 0)
