"""What the rules look at, read from Redis at one moment, and only if a rule asks. It costs O(queues + causes).

Evaluators have different settings (a worker may serve one queue only), so nothing here comes from settings: two of them
would see different things, and alerts would come and go.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from redis import Redis

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.cause import Cause
from taskdesk.jobs.causes import Causes
from taskdesk.jobs.keys import LOST_WORKERS, RQ_QUEUES, ended_key, queue_key
from taskdesk.jobs.queues import Queue, Queues
from taskdesk.jobs.schedules.late import LateSchedule, late_schedules
from taskdesk.jobs.throughput import LastHour


class LostWorker(NamedTuple):
    """A worker that stopped responding; `at`: when another one took its jobs (Unix seconds)."""

    name: str
    hostname: str
    pid: str
    at: float


class Facts:
    """`now`: by Redis's clock. `evaluated_at`: when the rules were last evaluated; 0 for never."""

    def __init__(
        self, redis: Redis, catalog: CatalogReader, now: float, evaluated_at: float, queues: Iterable[str] = ()
    ):
        self.now = now
        self._redis = redis
        self._catalog = catalog
        self._evaluated_at = evaluated_at
        self._queues = {*queues}
        self._causes: dict[float, list[Cause]] = {}

    def since(self, window: float) -> float:
        """Return the time from which on events matter: `window` seconds ago, or the last evaluation if it was earlier.

        So nothing is lost if all evaluators were away.
        """
        return min(self.now - window, self._evaluated_at or self.now)

    @cached_property
    def served(self) -> set[str]:
        """The queues that online workers serve."""
        return {queue for worker in self._catalog.read(max_age=0).workers for queue in worker.queues}

    @cached_property
    def queues(self) -> list[Queue]:
        """The queues that have had a job, that a worker serves, or that a rule names."""
        prefix = queue_key("")
        known = (key.decode(errors="replace") for key in self._redis.smembers(RQ_QUEUES))
        had = {key.removeprefix(prefix) for key in known if key.startswith(prefix)}
        return Queues(self._redis, tuple(sorted(had | self.served | self._queues))).read()

    def causes(self, since: float) -> list[Cause]:
        """Return the causes that were seen after that time (Unix seconds)."""
        if since not in self._causes:
            self._causes[since] = Causes(self._redis).read(since)
        return self._causes[since]

    @cached_property
    def lost_workers(self) -> list[LostWorker]:
        entries = self._redis.zrange(LOST_WORKERS, 0, -1, withscores=True)
        return [_lost(member.decode(errors="replace"), at) for member, at in entries]

    @cached_property
    def late_schedules(self) -> list[LateSchedule]:
        return late_schedules(self._redis, self.now)

    def last_hour_of_task(self, task: str) -> LastHour:
        """Return the failures of a task. Its successes are not counted."""
        return LastHour.of(self._redis.hgetall(ended_key(f"task {task}")), self.now)


def _lost(member: str, at: float) -> LostWorker:
    name, _, process = member.partition(" ")
    hostname, _, pid = process.rpartition(" ")
    return LostWorker(name, hostname, pid, at)
