"""The worker's heartbeat. It tells Redis which job runs, and how many have succeeded since the last heartbeat."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any, NamedTuple

from redis import Redis

from taskdesk.jobs.rq_time import now_text
from taskdesk.service import clock
from taskdesk.worker.answers import Order
from taskdesk.worker.leases import EXECUTION_LEASE_SECONDS, RECORD_TTL_SECONDS
from taskdesk.worker.process_memory import resident_memory
from taskdesk.worker.scripts import HEARTBEAT
from taskdesk.worker.shared.activity import Activity, RunningJob

IDLE_SECONDS, BUSY_SECONDS = 10.0, 2.0  # from one heartbeat to the next
REPORT_AFTER_SECONDS = 0.1  # shorter jobs are in no heartbeat

Totals = tuple[Counter[str], float]  # jobs that have succeeded, by queue, and their seconds


class Verdict(NamedTuple):
    """The answer of Redis to a heartbeat.

    `is_whole`: the worker's record is there; otherwise it was lost, or others took the worker for lost. `order`:
    about the running job.
    """

    is_whole: bool
    order: Order


class _Report(NamedTuple):
    """The successes since the last heartbeat that Redis has heard. A report that is repeated keeps its number."""

    number: int
    jobs: int
    seconds: float
    by_queue: str  # JSON
    totals: Totals  # with these jobs


class Heartbeat:
    def __init__(self, redis: Redis, worker_name: str, activity: Activity):
        self._redis = redis
        self._worker_name = worker_name
        self._activity = activity
        self._reported: Totals = activity.totals()
        self._pending: _Report | None = None  # sent, and Redis may not have heard it
        self._number = 0  # of the last report
        self._named = ""  # the execution that the last heartbeat named
        self._last = 0.0

    def send_if_due(self, running: RunningJob | None, child_pid: int) -> Verdict | None:
        if running and running.seconds < REPORT_AFTER_SECONDS:
            running = None
        is_new = running is not None and running.execution != self._named
        is_busy = running or self._activity.totals() != self._reported
        if not is_new and time.monotonic() < self._last + (BUSY_SECONDS if is_busy else IDLE_SECONDS):
            return None
        self._last = time.monotonic()
        self._named = running.execution if running else ""
        return self.send(running, child_pid)

    def send(self, running: RunningJob | None, child_pid: int) -> Verdict:
        """Tell Redis that this worker is alive. Raises RedisError; then the next heartbeat repeats the report."""
        self._pending = report = self._pending or self._since_last()
        figures = (report.number, report.jobs, report.seconds, report.by_queue, resident_memory(child_pid))
        sent_at = clock.monotonic()
        is_whole, order, redis_time = HEARTBEAT(
            *(self._redis, self._worker_name, now_text(), RECORD_TTL_SECONDS),
            *figures,
            *self._about(running),
        )
        clock.adjust(redis_time, sent_at)
        self._reported, self._pending = report.totals, None
        return Verdict(bool(is_whole), Order(order.decode()))

    def _about(self, running: RunningJob | None) -> tuple[Any, ...]:
        """Return the arguments about the running job, and about the one before it if Redis may not know its end."""
        if not running:
            return ()
        before = self._activity.read_unconfirmed()
        return (
            *(running.job_id, running.execution, EXECUTION_LEASE_SECONDS),
            *(running.began, int(running.is_at_work)),
            *((before.job_id, before.execution) if before else ()),
        )

    def _since_last(self) -> _Report:
        self._number += 1
        jobs, seconds = totals = self._activity.totals()
        jobs_before, seconds_before = self._reported
        new = {queue: number - jobs_before[queue] for queue, number in jobs.items()}
        return _Report(self._number, sum(new.values()), round(seconds - seconds_before, 6), json.dumps(new), totals)
