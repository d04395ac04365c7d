"""Queues: how much waits in each, since when, and whether it is paused. All of it is O(1) or O(log n) to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.errors import QueueNotFound
from taskdesk.jobs.keys import PAUSED, foreign_key, index_key, job_key, queue_key, registry_key
from taskdesk.jobs.scripts import ALWAYS_RUN
from taskdesk.jobs.throughput import LastHour, ended_key
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
        if not self.jobs["queued"]:
            return 0.0
        pace = self.last_hour.pace(self.oldest_at.timestamp()) if self.oldest_at else 0
        return self.jobs["queued"] / pace if pace and not self.is_paused else None


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


_COUNTED = ("queued", "running", "succeeded", "failed", "scheduled", "waiting", "canceled")
_ANSWERS = len(_COUNTED) + 3


def _by_status(counts: Sequence[int], handed_back: int) -> dict[str, int]:
    """RQ has the jobs that were handed back as scheduled."""
    jobs = dict(zip(_COUNTED, counts, strict=True))
    return {**jobs, "scheduled": max(0, jobs["scheduled"] - handed_back), "waiting": jobs["waiting"] + handed_back}


def _ask(pipeline: Pipeline, name: str) -> None:
    """How many jobs of each status there are, how many have ended lately, and which one is next."""
    pipeline.llen(queue_key(name))
    pipeline.zcard(registry_key("wip", name))
    pipeline.zcount(registry_key("finished", name), clock.now(), "+inf")
    pipeline.zcard(index_key(name, "failed"))
    pipeline.zcard(registry_key("scheduled", name))
    pipeline.zcard(registry_key("deferred", name))
    pipeline.zcard(index_key(name, "canceled"))
    pipeline.zcard(foreign_key(name))
    pipeline.hgetall(ended_key(name))
    pipeline.lindex(queue_key(name), 0)
