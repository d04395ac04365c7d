"""Index the jobs that plain RQ programs put into Redis, so that lists, counts and actions include them.

RQ's own code knows nothing of our indexes. So about once a second one of the workers, or whoever reads a list while no
worker is online, looks for jobs that it has put somewhere, or moved (lua/look.lua), and indexes them (lua/admit.lua).
A job's data is never loaded for that: its first bytes name the function.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.catalog import Announced
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.jobs.keys import UNCOUNTED
from taskdesk.jobs.scripts import ADMIT, LOOK
from taskdesk.jobs.stored_call import function_of
from taskdesk.jobs.uncounted import count_failures

REST_MS = 900  # during which nobody looks again
LONGEST_SECONDS = 0.1  # of many jobs; then others have their turn
SOON_MS = 40  # instead, while there is more to look at
_MAX_NAME = 200  # characters of the name of a function
_FIELDS = 4
_MAX_ADMITTED = 1_000  # jobs of one script, which takes 10 ms
_MAX_COUNTED = 500  # failures of one look


class _Found(NamedTuple):
    id: str
    created_at: bytes
    description: bytes
    data: bytes


class Intake:
    def __init__(self, redis: Redis, queues: Sequence[str], catalog: CatalogReader):
        self._redis = redis
        self._queues = queues
        self._catalog = catalog

    def look_for(self, seconds: float) -> float:
        """As `look`, but go on while there are more new jobs, for about so many seconds at most."""
        until = time.monotonic() + seconds
        while (pause := self.look()) == 0 and time.monotonic() < until:
            pass
        return pause

    def look_if_alone(self) -> None:
        """Look if no worker that would is online. Redis may refuse: lists do without."""
        if not any(worker.catalog for worker in self._catalog.read_or_cached().workers):
            with suppress(ResponseError):
                self.look_for(LONGEST_SECONDS)

    def look(self) -> float:
        """Index a few thousand jobs at most; return the seconds until the next look.

        It does nothing if another process has just looked. Raises RedisError.
        """
        answer = LOOK(self._redis, REST_MS, SOON_MS, *self._queues)
        if not answer:
            return REST_MS / 1000
        pause_ms, *values = answer
        rows = [values[start : start + _FIELDS] for start in range(0, len(values), _FIELDS)]
        found = [_Found(job_id.decode(), *others) for job_id, *others in rows]
        if found:
            self._admit(found)
        if failed := self._redis.lpop(UNCOUNTED, _MAX_COUNTED):
            count_failures(self._redis, [job_id.decode(errors="replace") for job_id in failed])
        return float(pause_ms) / 1000

    def _admit(self, jobs: list[_Found]) -> None:
        """Index these jobs in the order in which they were created: it is the order of the lists."""
        announced = self._catalog.read()
        arguments: list[str] = []
        for job in sorted(jobs, key=lambda job: job.created_at):
            arguments += (job.id, _task_name(function_of(job.data, job.description), announced))
        for start in range(0, len(arguments), 2 * _MAX_ADMITTED):
            ADMIT(self._redis, *arguments[start : start + 2 * _MAX_ADMITTED])


def _task_name(function: str, announced: Announced) -> str:
    """Return the name of the task, if the function is one; else that of the function, in full where a task has it."""
    try:
        return announced.task(function).name
    except TaskNotFound:
        name = function.rpartition(".")[2]
        return ((function if name in announced.tasks else name) or "unreadable")[:_MAX_NAME]
