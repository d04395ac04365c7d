"""Housekeeping, by one worker at a time: tidy RQ's registries, keep the catalog alive, remove what has expired."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import cycle

from redis.exceptions import RedisError
from rq import worker_registration
from rq.group import Group
from rq.intermediate_queue import IntermediateQueue
from rq.worker import BaseWorker

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.keys import RATE_LIMITS
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.schedules.code import sync_code_schedules
from taskdesk.jobs.scripts import TIDY_LIMIT
from taskdesk.service import clock
from taskdesk.worker.supervisor.retention import Sweeper

STUCK_SECONDS = 60  # after a stock worker has popped a job and not begun it
HOUSEKEEPING_SECONDS = 30.0  # from one time to the next
BEHIND_SECONDS = 2.0  # instead, while there is more to do

log = logging.getLogger("worker")


class _IntermediateQueue(IntermediateQueue):
    """Jobs that stock workers have just popped. The time since when is by Redis's clock, for all workers."""

    def set_first_seen(self, job_id: str) -> bool:
        return bool(self.connection.set(self.get_first_seen_key(job_id), clock.now(), nx=True, ex=24 * 3600))

    def should_be_cleaned_up(self, job_id: str) -> bool:
        first_seen = self.get_first_seen(job_id)
        return first_seen is not None and clock.now() - first_seen.timestamp() > STUCK_SECONDS


class Housekeeping:
    def __init__(self, worker: BaseWorker, keep_announced: Callable[[], None], sweeper: Sweeper):
        self._worker = worker
        self._catalog = CatalogReader(worker.connection)
        self._keep_announced = keep_announced
        self._sweeper = sweeper
        self._queues = cycle(worker.queues)
        self._next = 0.0

    def do_if_due(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + HOUSEKEEPING_SECONDS
        try:
            if self._do():
                self._next = time.monotonic() + BEHIND_SECONDS
        except RedisError:
            raise
        except Exception:  # RQ's code has found a damaged job: no reason to end a worker
            log.exception("housekeeping failed")

    def _do(self) -> bool:
        """Sweep, and tidy the registries of the next queue; return True if there is more to sweep.

        The sweep comes first: it makes the room that the rest needs.
        """
        is_behind = self._sweeper.sweep()
        queue, redis = next(self._queues), self._worker.connection
        now = clock.sync(redis)  # by its own clock, a worker that is a day ahead would empty the registries
        queue.finished_job_registry.cleanup(now)
        queue.failed_job_registry.cleanup(now)
        worker_registration.clean_worker_registry(queue)
        _IntermediateQueue(queue.key, redis).cleanup(self._worker, queue)
        Group.clean_registries(connection=redis)
        for limit in redis.sscan_iter(RATE_LIMITS):
            while TIDY_LIMIT(redis, limit, now_text()):
                pass
        self._keep_announced()
        sync_code_schedules(redis, self._catalog)
        return is_behind
