"""The worker: a supervisor that never runs a job itself, and its child that runs them (child/loop.py).

The supervisor is what RQ's tools know as a worker: it registers, beats, takes commands. It forks the child, and
settles what a dead one has left. It has one thread, and its signal handlers set flags.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import worker_registration
from rq.scheduler import RQScheduler, release_lock
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker, WorkerStatus

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.catalog import announce
from taskdesk.jobs.keys import WORKERS
from taskdesk.service import clock
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_errors import READ_ONLY, code_of
from taskdesk.version import VERSION
from taskdesk.worker.child.loop import EXIT_FINISHED, EXIT_RECYCLE, Child
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.failure import STOPPED, Failure
from taskdesk.worker.leases import RECORD_TTL_SECONDS
from taskdesk.worker.redis_retry import Interrupted, retry_until_redis_answers
from taskdesk.worker.rq_fallback import TaskJob
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.activity import Activity, RunningJob
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.meters import Meters, Row
from taskdesk.worker.shared.output_buffer import OutputBuffer
from taskdesk.worker.supervisor.commands import Commands
from taskdesk.worker.supervisor.hang_detector import HangDetector
from taskdesk.worker.supervisor.heartbeat import Heartbeat, Verdict
from taskdesk.worker.supervisor.housekeeping import Housekeeping
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.retention import Sweeper
from taskdesk.worker.supervisor.settlement import Settlement, reason
from taskdesk.worker.supervisor.signals import StopSignals
from taskdesk.worker.supervisor.tempdir import own_folder

BUSY_LOOK_SECONDS, IDLE_LOOK_SECONDS = 0.03, 0.1  # between two looks at the child, unless a signal comes
REVOKE_SECONDS = 0.03  # after which a job counts as long: what is prefetched during it goes back
TICK_SECONDS = (2.5, 1.0, 0.0)  # until the next, by the answer of tick.lua
UNBEGUN_DEATHS = 3  # of the child in a row: then what it holds is to blame, or we are
HUNG = "The process that ran the job stopped responding after the function had ended, and its result is lost."
ATTEMPTS_WHEN_STOPPED = 6  # to reach Redis, in about 1.5 s
ALARM_GRACE_SECONDS = 5.0  # over its time limit; then a job that ignores the alarm is killed

log = logging.getLogger("worker")


class TaskWorker(BaseWorker):
    job_class = TaskJob
    connection_timeout = 2  # seconds; RQ would wait as long as a worker may be idle

    def __init__(self, settings: WorkerSettings, registry: TaskRegistry, redis: Redis, meters: Row | None = None):
        super().__init__(
            list(settings.queues),
            connection=redis,
            serializer=JSONSerializer,
            default_result_ttl=settings.result_ttl,
            worker_ttl=RECORD_TTL_SECONDS - 60,
            log_job_description=False,
            prepare_for_work=False,  # it asks Redis, which may be away: `_begin` does it
        )
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self._settings = settings
        self._registry = registry
        self._store = FolderStore(settings.data_dir / "artifacts")
        self._housekeeping = Housekeeping(self, registry.catalog, Sweeper(redis, self._store, settings))
        self._activity = activity = Activity(settings.queues)
        self._output = output = OutputBuffer()
        self._meters = meters = meters or Meters(registry.tasks, 1).rows[0]
        self._foreign = foreign = ForeignJobs(registry)
        self._settlement = Settlement(
            redis, self.name, settings, registry, activity=activity, output=output, meters=meters, foreign=foreign
        )
        self._heartbeat = Heartbeat(redis, self.name, activity)
        self._commands = Commands(redis, self.pubsub_channel_name)
        self._process = ChildProcess()
        self._hang_detector = HangDetector(activity)
        self._signals = StopSignals()
        self._folder = own_folder()
        self._stop_until: float | None = None  # when the running job has to make way
        self._end: tuple[str, Failure, RunningJob] | None = None  # why we kill the child, and for which job
        self._unbegun_deaths = 0
        self._spared = ""  # the job that we put back last because its function had not begun
        self._is_redis_away = False
        self._revoked = ""  # the execution during which nothing is prefetched any more
        self._next_tick = 0.0

    # What the worker tells the web

    def serialize(self) -> dict[str, Any]:
        return {**super().serialize(), "catalog": self._registry.catalog.digest, "td_version": VERSION}

    def register_birth(self) -> None:
        announce(self.connection, self._registry.catalog)
        self.connection.delete(self.key)  # of an attempt before, whose answer was lost
        super().register_birth()

    def register_death(self) -> None:
        self.connection.zrem(WORKERS, self.name)
        for queue in self._settings.queues:
            release_lock(self.connection, RQScheduler.get_locking_key(queue), self.name)
        super().register_death()

    # Its life

    def work(  # type: ignore[override]  # one way to pop, no other options
        self, burst: bool = False, logging_level: str | None = None
    ) -> bool:
        """Run jobs until SIGTERM or SIGINT; with `burst`, until the queues are empty. False if Redis never answered."""
        with self._signals as wakeup:
            self._meters.begin()
            is_settled = True
            try:
                if not self._retry_until_redis_answers(self._begin):
                    return False
                while True:
                    is_settled = False
                    self._fork(burst)
                    status = self._watch(wakeup)
                    self._count_child(status)
                    is_settled = self._retry_until_redis_answers(partial(self._settle, status))
                    if self._signals.is_set or (burst and status == EXIT_FINISHED and not self._activity.read()):
                        return True
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)
                if is_settled:  # else the record stays, so that others find by it what was left
                    self._say_goodbye()

    def _begin(self) -> None:
        clock.sync(self.connection)
        self._set_ip_address(self.connection)
        self.register_birth()
        self._commands.subscribe()
        self.set_state(WorkerStatus.IDLE)
        self._settlement.tick()
        self._beat(None)

    def _say_goodbye(self) -> None:
        try:
            self._heartbeat.send(None, self._process.pid)  # a record that is not whole may stay so
            self.register_death()
            self._commands.close()
        except RedisError as error:
            log.warning("Redis does not know that this worker has ended: %s", error)

    def _retry_until_redis_answers(self, step: Callable[[], None]) -> bool:
        """Return False if Redis did not answer before the worker was told to stop."""
        try:
            retry_until_redis_answers(step, self.connection, on_failure=self._should_go_on)
        except Interrupted:
            return False
        return True

    def _should_go_on(self, attempts: int) -> bool:
        self._meters.redis_is_away()
        return not self._signals.is_set or attempts < ATTEMPTS_WHEN_STOPPED

    # The child

    def _fork(self, burst: bool) -> None:
        self._activity.clear()
        self._output.clear()
        self._end = None
        self._process.fork(partial(self._run_child, burst, os.getpid()))
        self._hang_detector.begin()
        self._meters.set(child=self._process.pid)

    def _run_child(self, burst: bool, supervisor: int) -> int:
        """In the child. Its exit status."""
        redis = connect_with_timeout(self._settings.redis_url.get_secret_value(), timeout=5)
        child = Child(
            self._settings,
            self._registry,
            self._store,
            worker_name=self.name,
            redis=redis,
            activity=self._activity,
            meters=self._meters,
            output=self._output,
            foreign=self._foreign,
            folder=self._folder / "job",
            burst=burst,
            supervisor=supervisor,
        )
        status = child.run()
        self._activity.clear()  # it is not the job that ends this process
        return status

    def _watch(self, wakeup: int) -> int:
        """Look after the child until it has ended; its exit status as `os.waitstatus_to_exitcode` gives it."""
        told_to_stop = False
        while (status := self._process.poll()) is None:
            if self._signals.is_set and not told_to_stop:
                told_to_stop = True
                self._stop_until = time.monotonic() + self._settings.stop_grace
                self._process.stop()
            self._look()
            if select.select([wakeup], [], [], BUSY_LOOK_SECONDS if self._activity.read() else IDLE_LOOK_SECONDS)[0]:
                os.read(wakeup, 1024)
        self._meters.set(child=0, running=0)
        shutil.rmtree(self._folder / "job", ignore_errors=True)
        return status

    def _look(self) -> None:
        """All that is due now. While Redis is away the child is still held to its limits."""
        running = self._activity.read()
        self._meters.set(running=bool(running))
        if self._is_too_late():
            self._process.kill()
        elif running and running.is_at_work and 0 < running.timeout < running.seconds - ALARM_GRACE_SECONDS:
            self._kill_job(running, "failed", Failure.timed_out(running.timeout, "It did not react to its alarm."))
        elif self._hang_detector.is_too_long(running, is_redis_away=self._is_redis_away):
            self._kill_silent(running)
        try:
            if (
                running
                and running.prefetches
                and running.seconds > REVOKE_SECONDS
                and running.execution != self._revoked
            ):
                self._revoke(running)
            self._read_commands(running)
            if verdict := self._heartbeat.send_if_due(running, self._process.pid):
                self._heed(verdict, running)
                self._revoked = ""  # Redis may have heard of what is prefetched after it heard of that
            self._tick_if_due()
            self._housekeeping.do_if_due()
            self._is_redis_away = False
            self._meters.set(redis_up=1)
        except (RedisError, OSError) as error:
            if not self._is_redis_away:
                log.error("Redis does not answer (%s); trying again", error)
            self._is_redis_away = True
            self._meters.redis_is_away()
            if code_of(error) == READ_ONLY:  # another server is the master by now
                self.connection.connection_pool.disconnect()
            time.sleep(0.2)

    def _is_too_late(self) -> bool:
        """Whether the child had its time to end since the worker was told to."""
        return self._stop_until is not None and time.monotonic() > self._stop_until

    def _kill_job(self, running: RunningJob, how: str, failure: Failure) -> None:
        """Kill the child if it still runs this job."""
        if self._if_still(running, self._process.kill):
            self._end = (how, failure, running)

    def _kill_silent(self, running: RunningJob | None) -> None:
        """Kill the child, which hangs while no function runs, unless it has just gone on."""
        with self._process.held():
            if self._hang_detector.is_broken():
                return
            self._process.kill()
        self._hang_detector.begin()
        if running:
            self._end = ("lost", Failure.lost(HUNG), running)
        log.error("the process that runs jobs (%d) does not respond: it is killed and replaced", self._process.pid)

    def _stop_job(self, running: RunningJob) -> None:
        """Stop a job on request. If its function has ended, end it in Redis; its child's own report is then refused."""
        if running.is_at_work:
            self._kill_job(running, "stopped", STOPPED)
        else:
            self._settlement.release("stopped", STOPPED, running)

    def _if_still(self, running: RunningJob, act: Callable[[], None]) -> bool:
        """Act if the child is still at work on this job: it is held while we look. Whether it was.

        One that waits for Redis is not held: each time, the kernel would begin anew to count how long it has waited.
        """
        if not running.is_at_work:
            return False
        with self._process.held() as is_held:
            now = self._activity.read() if is_held else None
            if not now or now.execution != running.execution or not now.is_at_work:
                return False
            act()
            return True

    def _revoke(self, running: RunningJob) -> None:
        """Put back what was prefetched during a job that turns out to be long."""
        was_told = self._activity.is_revoked(running.execution)
        if was_told or self._if_still(running, lambda: self._activity.revoke(running.execution)):
            self._settlement.revoke(running)
            self._revoked = running.execution

    def _count_child(self, status: int) -> None:
        if status == EXIT_RECYCLE:
            self._meters.count("recycled")
        elif status != EXIT_FINISHED:
            is_ours = self._end or self._is_too_late()
            self._meters.count("killed" if is_ours else "lost")
        has_begun = status in (EXIT_FINISHED, EXIT_RECYCLE) or self._activity.read()
        self._unbegun_deaths = 0 if has_begun else self._unbegun_deaths + 1

    def _settle(self, status: int) -> None:
        """End in Redis what the child has left. What it held and did not begin is given to the next child."""
        running = self._activity.read()
        if running:
            self._settlement.send_output(running)
            detail = HUNG if self._end and self._end[1].detail == HUNG else reason(status)
            self._settlement.end_unheard(detail, has_to_make_way=self._is_too_late())
            self._end_running(running, status)
        if self._signals.is_set:
            self._settlement.release("put_back", None, None)
        elif self._unbegun_deaths >= UNBEGUN_DEATHS:
            self._settlement.release("lost", Failure.lost(reason(status)), None)
            raise RuntimeError("the child dies before it begins anything")

    def _end_running(self, running: RunningJob, status: int) -> None:
        if running.is_refused and running.job_id != self._spared:  # once: it may be what kills the child
            self._settlement.release("put_back", None, running)
            self._spared = running.job_id
        elif self._is_too_late():
            self._settlement.make_way(running)
        elif self._end and self._end[2].execution == running.execution:
            how, failure, _ = self._end
            self._settlement.release(how, failure, running)
        else:
            self._settlement.release("lost", Failure.lost(reason(status)), running)

    # What is due now and then

    def _beat(self, running: RunningJob | None) -> None:
        self._heed(self._heartbeat.send(running, self._process.pid), running)

    def _heed(self, verdict: Verdict, running: RunningJob | None) -> None:
        if not verdict.is_whole:
            self.connection.hset(self.key, mapping=self.serialize())
            with self.connection.pipeline() as pipeline:
                worker_registration.register(self, pipeline)
                pipeline.execute()
        if running and verdict.job == b"stop":
            self._stop_job(running)
        elif running and verdict.job == b"drop":
            self._kill_job(running, "lost", Failure.lost("The job was taken away while it ran."))

    def _tick_if_due(self) -> None:
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + TICK_SECONDS[self._settlement.tick()]

    def _read_commands(self, running: RunningJob | None) -> None:
        for name, job_id in self._commands.read():
            if name == "shutdown":
                self._signals.is_set = True
            elif name == "kill-horse" and running:
                self._kill_job(running, "lost", Failure.lost("Its process was killed by a command."))
            elif name == "stop-job" and running and running.job_id == job_id:
                self._stop_job(running)


def work(settings: WorkerSettings, registry: TaskRegistry, meters: Row) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    redis = connect_with_timeout(settings.redis_url.get_secret_value(), TaskWorker.connection_timeout)
    TaskWorker(settings, registry, redis, meters).work()
