"""End jobs whose child has died before it could end them, and those of lost workers."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Iterator, Sequence

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.events import EVENTS_TTL_SECONDS, append_log
from taskdesk.jobs.job import Retention
from taskdesk.jobs.joblog import log_size
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import PARENTS, job_key
from taskdesk.jobs.losses import (
    PROCESS_CRASHED,
    PROCESS_EXITED,
    PROCESS_KILLED,
    WORKER_LOST,
    WORKER_STOPPED,
    Loss,
    log_text,
)
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.schedules.firing import Firing
from taskdesk.jobs.statistics import StatisticsWriter
from taskdesk.service.logs import job_fields
from taskdesk.service.redis_errors import is_out_of_memory
from taskdesk.worker.answers import Tick
from taskdesk.worker.callback_names import NOT_RUN
from taskdesk.worker.failure import Failure
from taskdesk.worker.job_data import reference_of
from taskdesk.worker.release import UNKNOWN_TIMES, How, Released, release_arguments
from taskdesk.worker.rq_fallback import RQFallback
from taskdesk.worker.scripts import RELEASE, TICK
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.activity import RunningJob
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.supervisor.template import Template

DEPENDENTS_PER_TICK_SECONDS = 1.0  # and a slice; the rest waits for the next tick
FIRING_PER_TICK_SECONDS = 0.5

log = logging.getLogger("worker")


class Settlement:
    def __init__(
        self,
        redis: Redis,
        worker_name: str,
        settings: WorkerSettings,
        template: Template,
        shared: SharedMemory,
    ):
        self._redis = redis
        self._worker_name = worker_name
        self._queues = settings.queues
        self._template = template
        self._activity, self._meters, self._output, self._foreign, _ = shared
        self._statistics = StatisticsWriter(redis)
        self._rq_fallback = RQFallback(redis, worker_name, settings)
        retention = Retention(settings.result_ttl, settings.failure_ttl)
        jobs = Jobs(redis, settings.queues)
        self._firing = Firing(redis, jobs, CatalogReader(redis), retention, settings.max_queued)
        self._dependents: Iterator[None] | None = None  # the slices of failed jobs that are left to do

    # Jobs of the child that has died

    def end_unconfirmed(self, loss: Loss, *, has_to_make_way: bool) -> None:
        """End the job before the one that runs, if Redis may not know how it has ended."""
        ending = self._activity.read_unconfirmed()
        if ending and has_to_make_way:
            self.make_way(ending)
        elif ending:
            self.release(How.LOST, Failure.of_loss(loss), ending)

    def send_output(self, running: RunningJob) -> None:
        """Send what the job has printed and Redis does not have yet. If Redis is full, the job ends without it."""
        try:
            self._output.write_rest()
            self._output.send(self._redis, running.job_id, ttl=int(running.timeout) + EVENTS_TTL_SECONDS)
        except ResponseError as error:
            if not is_out_of_memory(error):
                raise
            log.warning("Redis is full: the last output of job %s is lost", running.job_id)

    def make_way(self, running: RunningJob) -> None:
        """Requeue a job whose worker stops now. A job that is to run at most once fails instead."""
        spec = self.spec_of(running.job_id)
        if spec and spec.at_most_once:
            self.release(How.FAILED, Failure.of_loss(WORKER_STOPPED), running)
        else:
            self.release(How.REQUEUED, None, running)

    def release(self, how: How, failure: Failure | None, running: RunningJob | None) -> None:
        """End the job that runs; without one, all that the worker's record names: the worker leaves."""
        job, times = ("", ""), UNKNOWN_TIMES
        if running:
            job = running.job_id, running.execution
            times = running.began, running.began + running.seconds, round(running.seconds, 6)
        arguments = release_arguments(self._worker_name, how, *job, failure, times=times)
        released = Released.of(RELEASE(self._redis, *arguments))
        if not released:
            if failure and running and running.is_at_work:
                extra = {"fields": job_fields(running.job_id, "")}
                log.warning("job %s is no longer this worker's: %s", running.job_id, failure.log_text, extra=extra)
            return
        _log_end(released)
        if how in (How.LOST, How.FAILED):
            self._say_that_no_callback_was_run(released.job_id)
        if how in (How.LOST, How.FAILED) and running:
            self._count_failure(released.job_id, running.seconds)
        if released.must_tell_dependents:
            self.tick()

    # Jobs that are due, and those of lost workers

    def tick(self) -> Tick:
        """Do what is due: scheduled jobs, jobs of lost workers, dependents, schedules. Return when to tick again."""
        lost = Failure.of_loss(WORKER_LOST)
        next_tick, parents, jobs, wanted, schedules, now = TICK(
            self._redis, self._worker_name, now_text(), lost.error, lost.packed_traceback, *self._queues
        )
        self._foreign.look(wanted)
        self._meters.count("rescued", len(jobs))
        for job_id, request_id, error in jobs:
            extra = {"fields": job_fields(job_id.decode(), request_id.decode())}
            log.warning("job %s is taken from its worker: %s", job_id.decode(), _log_text(error), extra=extra)
            self._say_that_no_callback_was_run(job_id.decode())
            self._count_failure(job_id.decode(), None)
        more = self._tell_dependents(parents)
        more |= self._firing.fire([schedule.decode() for schedule in schedules], float(now), FIRING_PER_TICK_SECONDS)
        return Tick.AT_ONCE if more else Tick(next_tick)

    def _tell_dependents(self, parents: Sequence[bytes]) -> bool:
        """Queue the jobs that wait for these, one slice per step; return True if there is more to do.

        The next call goes on where this one has stopped: heartbeats have their turn in between.
        """
        self._dependents = self._dependents or self._in_slices(parents)
        until = time.monotonic() + DEPENDENTS_PER_TICK_SECONDS
        for _ in self._dependents:
            if time.monotonic() > until:
                return True
        self._dependents = None
        return False

    def _in_slices(self, parents: Sequence[bytes]) -> Iterator[None]:
        for parent in parents:
            job_id = parent.decode()
            try:
                yield from self._rq_fallback.enqueue_dependents_in_slices(job_id)
            except RedisError:
                raise
            except Exception:  # in RQ's code, of a damaged job
                log.exception("the dependents of job %s can't be queued", job_id)
                self._redis.srem(PARENTS, job_id)

    def _say_that_no_callback_was_run(self, job_id: str) -> None:
        """Add a line to the log of a job whose process has died, if the job has an `on_failure` of RQ."""
        if self._redis.hget(job_key(job_id), "failure_callback_name"):
            line = NOT_RUN.format(kind="on_failure", why="the process that ran the job is gone.")
            ttl = self._redis.ttl(job_key(job_id))
            ttl = ttl if ttl > 0 else EVENTS_TTL_SECONDS
            append_log(self._redis, job_id, line.encode(), offset=log_size(self._redis, job_id), ttl=ttl)

    def _count_failure(self, job_id: str, seconds: float | None) -> None:
        """Count the failure in the statistics of the job's task: a child that has died could not."""
        if spec := self.spec_of(job_id):
            queue = (self._redis.hget(job_key(job_id), "origin") or b"").decode(errors="replace")
            self._statistics.add(spec.reference, queue, succeeded=False, run=seconds, wait=None)
            self._statistics.write()

    def spec_of(self, job_id: str) -> TaskSpec | None:
        """Return the task of a job. Raises RedisError."""
        return self._template.catalog.by_call.get(reference_of(self._redis.hget(job_key(job_id), "data")))


def _log_text(error: bytes) -> str:
    return log_text(json.loads(error))


def _log_end(released: Released) -> None:
    why = f": {log_text(released.error)}" if released.error else " again"
    extra = {"fields": job_fields(released.job_id, released.request_id)}
    log.warning("job %s is %s%s", released.job_id, released.status, why, extra=extra)


def death_of(status: int) -> Loss:
    """Return why a child has died, by its exit status as `os.waitstatus_to_exitcode` gives it."""
    if status == -signal.SIGKILL:
        return PROCESS_KILLED
    if status < 0:
        return PROCESS_CRASHED(number=-status, signal=signal.Signals(-status).name)
    return PROCESS_EXITED(status=status)
