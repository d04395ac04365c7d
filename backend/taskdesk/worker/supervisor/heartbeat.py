"""The worker's heartbeat. It tells Redis which job runs, and how many have succeeded since the last heartbeat."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

from redis import Redis

from taskdesk.jobs.rq_time import now_text
from taskdesk.service import clock
from taskdesk.worker.leases import EXECUTION_LEASE_SECONDS, RECORD_TTL_SECONDS
from taskdesk.worker.process_memory import resident_memory
from taskdesk.worker.scripts import HEARTBEAT
from taskdesk.worker.shared.activity import Activity, RunningJob

IDLE_SECONDS, BUSY_SECONDS = 10.0, 2.0  # from one heartbeat to the next
REPORT_AFTER_SECONDS = 0.1  # shorter jobs are in no heartbeat


class Verdict(NamedTuple):
    """What Redis answers.

    `is_whole`: the worker's record is there; otherwise it was lost, or others took the worker for lost. `job`: "go on",
    "stop", or "drop" if the running job is no longer this worker's.
    """

    is_whole: bool
    job: bytes


class Heartbeat:
    def __init__(self, redis: Redis, worker_name: str, activity: Activity):
        self._redis = redis
        self._worker_name = worker_name
        self._activity = activity
        self._told = activity.totals()  # those that Redis has
        self._news: tuple[Any, ...] = ()  # what the last beat told, while nobody knows whether Redis has heard it
        self._number = 0  # of the news
        self._recorded = ""  # the execution that the last beat told of
        self._last = 0.0

    def send_if_due(self, running: RunningJob | None, child_pid: int) -> Verdict | None:
        if running and running.seconds < REPORT_AFTER_SECONDS:
            running = None
        is_new = running is not None and running.execution != self._recorded
        is_busy = running or self._activity.totals() != self._told
        if not is_new and time.monotonic() < self._last + (BUSY_SECONDS if is_busy else IDLE_SECONDS):
            return None
        self._last = time.monotonic()
        self._recorded = running.execution if running else ""
        return self.send(running, child_pid)

    def send(self, running: RunningJob | None, child_pid: int) -> Verdict:
        self._news = self._news or self._since_last()
        number, jobs, seconds, by_queue, totals = self._news
        ending = self._activity.read_unconfirmed()
        job: tuple[Any, ...] = ()
        if running:
            times = running.began, round(running.seconds, 3)
            job = (running.job_id, running.execution, EXECUTION_LEASE_SECONDS, *times, int(running.is_at_work))
        before = (ending.job_id, ending.execution) if running and ending else ()
        news = (number, jobs, seconds, by_queue, resident_memory(child_pid))
        asked = clock.monotonic()
        is_whole, verdict, told = HEARTBEAT(
            self._redis, self._worker_name, now_text(), RECORD_TTL_SECONDS, *news, *job, *before
        )
        clock.adjust(told, asked)
        self._told, self._news = totals, ()
        return Verdict(bool(is_whole), verdict)

    def _since_last(self) -> tuple[Any, ...]:
        """The number of this news; jobs that have succeeded, their seconds, jobs by queue (JSON); the totals by now."""
        self._number += 1
        jobs, seconds = self._activity.totals()
        done = {queue: number - self._told[0][queue] for queue, number in jobs.items()}
        return self._number, sum(done.values()), round(seconds - self._told[1], 6), json.dumps(done), (jobs, seconds)
