"""The worker: a supervisor that never runs a job itself, and its child that runs them (child.py).

The supervisor is what RQ's tools know as a worker: it registers, beats, takes commands. It forks the child, and
settles what a dead one has left. It has one thread, and its signal handlers set flags.
"""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import Any

from redis import Redis
from redis.client import PubSub
from redis.exceptions import ReadOnlyError, RedisError
from rq import worker_registration
from rq.group import Group
from rq.scheduler import RQScheduler, release_lock
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker, WorkerStatus

from jobkit import VERSION
from jobkit.artifacts import FolderStore
from jobkit.catalog import announce
from jobkit.events import KEPT_SECONDS
from jobkit.logs import about_job
from jobkit.redis import PARENTS, WORKERS, connect_impatiently, job_key
from jobkit.reports import flush_reports, report
from jobkit.statistics import StatisticsWriter
from runner.activity import Activity, Running
from runner.child import DONE, RECYCLE, WIP_LEASE, Child, now_text
from runner.discovery import TaskRegistry
from runner.execution import reference_of
from runner.failure import STOPPED, Failure
from runner.limits import resident_memory
from runner.meters import Meters, Row
from runner.output import Output
from runner.retention import Sweeper
from runner.scripts import BEAT, RELEASE, TICK
from runner.settings import WorkerSettings
from runner.stock import StockEndings, TaskJob
from runner.temporary import own_folder

LOOK = 0.03  # seconds between two looks at a child that works, when no signal comes
LOOK_IDLE = 0.1
LONG = 0.1  # seconds that a job has to last before Redis is told of it
BEAT_IDLE, BEAT_BUSY = 10.0, 2.0  # seconds
TICK_SECONDS = (2.5, 1.0, 0.0)  # until the next, by the answer of tick.lua
HOUSE_KEEPING, HOUSE_KEEPING_BEHIND = 30.0, 2.0  # seconds
RECORD_TTL = 120  # seconds until Redis forgets a worker that is silent
UNBEGUN_DEATHS = 3  # of the child in a row: then what it holds is to blame, or we are
LATE = 5.0  # seconds over its time limit after which a job that ignores the alarm is killed

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
            worker_ttl=RECORD_TTL - 60,
            log_job_description=False,
        )
        self._settings = settings
        self._registry = registry
        self._store = FolderStore(settings.data_dir / "artifacts")
        self._sweeper = Sweeper(redis, self._store, settings)
        self._stock = StockEndings(redis, self.name, settings)
        self._activity = Activity(settings.queues)
        self._meters = meters or Meters(registry.tasks, 1).rows[0]
        self._output = Output()
        self._statistics = StatisticsWriter(redis)
        self._folder = own_folder()
        self._queues_to_tidy = cycle(self.queues)
        self._commands: PubSub | None = None
        self._child_pid = 0
        self._stop_signal = False
        self._stop_until: float | None = None  # when the running job has to make way
        self._end: tuple[str, Failure, Running] | None = None  # why we kill the child, and for which job
        self._unbegun_deaths = 0
        self._is_redis_away = False
        self._told = self._activity.totals()  # those that Redis has
        self._called_back = ""  # the execution ahead of which nothing is reserved any more
        self._last_recorded = ""  # the execution that the last beat told of
        self._last_beat = self._next_tick = self._next_house_keeping = 0.0

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
        wakeup = self._install_flags()
        self._meters.begin()
        is_settled = True
        try:
            if not self._patiently(self._begin):
                return False
            while True:
                is_settled = False
                self._fork(burst)
                status = self._watch(wakeup[0])
                self._count_child(status)
                is_settled = self._patiently(partial(self._settle, status))
                if self._stop_signal or (burst and status == DONE and not self._activity.read()):
                    return True
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            if is_settled:  # else the record stays, so that others find by it what was left
                self._say_goodbye()
            self._remove_flags(wakeup)

    def _begin(self) -> None:
        self.register_birth()
        if self._commands:
            self._commands.close()
        self.subscribe()
        self.set_state(WorkerStatus.IDLE)
        self._tick()
        self._beat(None)

    def subscribe(self) -> None:
        self._commands = self.connection.pubsub(ignore_subscribe_messages=True)
        self._commands.subscribe(self.pubsub_channel_name)

    def _say_goodbye(self) -> None:
        try:
            self._beat(None)
            self.register_death()
            if self._commands:
                self._commands.close()
        except RedisError as error:
            log.warning("Redis does not know that this worker has ended: %s", error)

    def _patiently(self, step: Callable[[], None]) -> bool:
        """Try until Redis has answered. False if it did not before the worker was told to stop."""
        pause = 0.1
        while True:
            try:
                step()
                return True
            except (RedisError, OSError) as error:
                log.error("Redis does not answer (%s); trying again", error)
                self._meters.redis_is_away()
                if self._stop_signal and pause > 1:
                    return False
                time.sleep(pause)
                pause = min(2 * pause, 2.0)

    # The child

    def _fork(self, burst: bool) -> None:
        self._activity.clear()
        self._output.clear()
        self._end = None
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until the child can take it
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            self._child_pid = pid
            self._meters.set(child=pid)
            return
        status = 1
        try:
            redis = connect_impatiently(self._settings.redis_url.get_secret_value(), timeout=5)
            child = Child(
                self._settings,
                self._registry,
                self._store,
                worker_name=self.name,
                redis=redis,
                activity=self._activity,
                meters=self._meters,
                output=self._output,
                folder=self._folder / "job",
                burst=burst,
                supervisor=supervisor,
            )
            status = child.run()
            self._activity.clear()  # it is not the job that ends this process
        except BaseException as error:
            log.exception("the child of worker %s failed", self.name)
            report(error)
        finally:
            flush_reports()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _watch(self, wakeup: int) -> int:
        """Look after the child until it has ended; its exit status as `os.waitstatus_to_exitcode` gives it."""
        told_to_stop = False
        while True:
            pid, status = os.waitpid(self._child_pid, os.WNOHANG)
            if pid:
                self._child_pid = 0
                self._meters.set(child=0, running=0)
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)  # what jobs have started and left
                shutil.rmtree(self._folder / "job", ignore_errors=True)
                return os.waitstatus_to_exitcode(status)
            if self._stop_signal and not told_to_stop:
                told_to_stop = True
                self._stop_until = time.monotonic() + self._settings.stop_grace
                os.kill(self._child_pid, signal.SIGTERM)
            self._look()
            if select.select([wakeup], [], [], LOOK if self._activity.read() else LOOK_IDLE)[0]:
                os.read(wakeup, 1024)

    def _look(self) -> None:
        """All that is due now. While Redis is away the child is still held to its limits."""
        running = self._activity.read()
        self._meters.set(running=bool(running))
        if self._stop_until and time.monotonic() > self._stop_until:
            self._kill()
        elif running and 0 < running.timeout < running.seconds - LATE:
            self._kill_job(running, "failed", Failure.timed_out(running.timeout, "It did not react to its alarm."))
        try:
            if running and running.ahead and running.seconds > LOOK and running.execution != self._called_back:
                self._call_back(running)
            self._read_commands(running)
            self._beat_if_due(running)
            self._tick_if_due()
            self._is_redis_away = False
            self._meters.set(redis_up=1)
        except (RedisError, OSError) as error:
            if not self._is_redis_away:
                log.error("Redis does not answer (%s); trying again", error)
            self._is_redis_away = True
            self._meters.redis_is_away()
            if isinstance(error, ReadOnlyError):  # another server is the master by now
                self.connection.connection_pool.disconnect()
            time.sleep(0.2)

    def _kill(self) -> None:
        try:
            os.killpg(self._child_pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # it has no group of its own yet
            os.kill(self._child_pid, signal.SIGKILL)

    def _kill_job(self, running: Running, how: str, failure: Failure) -> None:
        """Kill the child if it still runs this job."""
        if self._if_still(running, self._kill):
            self._end = (how, failure, running)

    def _if_still(self, running: Running, act: Callable[[], None]) -> bool:
        """Act if the child still runs this job: it is held while we look. Whether it did."""
        os.kill(self._child_pid, signal.SIGSTOP)
        try:
            if not self._is_held():
                return False
            now = self._activity.read()
            if not now or now.execution != running.execution:
                return False
            act()
            return True
        finally:
            os.kill(self._child_pid, signal.SIGCONT)

    def _is_held(self) -> bool:
        """Whether SIGSTOP has reached the child. It does not while it waits for a disk that hangs."""
        for _ in range(100):
            if os.waitid(os.P_PID, self._child_pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG):
                return True
            time.sleep(0.002)
        return False

    def _call_back(self, running: Running) -> None:
        """Put back what was reserved ahead of a job that turns out to be long."""
        if self._if_still(running, lambda: self._activity.call_back(running.execution)):
            RELEASE(self.connection, self.name, now_text(), "put_back", "", running.execution, *[""] * 5)
        self._called_back = running.execution

    def _count_child(self, status: int) -> None:
        if status == RECYCLE:
            self._meters.count("recycled")
        elif status != DONE:
            is_ours = self._end or (self._stop_until and time.monotonic() > self._stop_until)
            self._meters.count("killed" if is_ours else "lost")

    def _settle(self, status: int) -> None:
        """End in Redis what the child has left. What it held and did not begin is given to the next child."""
        running, ending = self._activity.read(), self._activity.read_ending()
        if running:
            self._output.send(self.connection, running.job_id, ttl=int(running.timeout) + KEPT_SECONDS)
        if running and ending:
            self._release("lost", Failure.lost(_reason(status)), ending)
        if running:
            if self._stop_until and time.monotonic() > self._stop_until:
                self._make_way(running)
            elif self._end and self._end[2].execution == running.execution:
                self._release(self._end[0], self._end[1], running)
            else:
                self._release("lost", Failure.lost(_reason(status)), running)
        if self._stop_signal:
            self._release("put_back", None, None)
        elif status in (DONE, RECYCLE) or running:
            self._unbegun_deaths = 0
        else:
            self._unbegun_deaths += 1
            if self._unbegun_deaths % UNBEGUN_DEATHS == 0:
                self._release("lost", Failure.lost(_reason(status)), None)
                raise RuntimeError("the child dies before it begins anything")

    def _make_way(self, running: Running) -> None:
        """The job's time to end before its worker does is over: it goes back, unless it is to run at most once."""
        task = self._registry.tasks.get(reference_of(self.connection.hget(job_key(running.job_id), "data")))
        if task and task.options.at_most_once:
            self._release("failed", Failure.worker_stopped(), running)
        else:
            self._release("put_back", None, running)

    def _release(self, how: str, failure: Failure | None, running: Running | None) -> None:
        answer = RELEASE(
            self.connection,
            *(self.name, now_text(), how),
            *((running.job_id, running.execution) if running else ("", "")),
            *((failure.error, failure.packed_traceback) if failure else ("", "")),
            *((running.began, time.time(), round(running.seconds, 6)) if running else ("", "", "")),
        )
        if not answer:
            return
        status, job_id, has_dependents, request_id = (
            answer[0].decode(),
            answer[1].decode(),
            answer[2],
            answer[3].decode(),
        )
        extra = {"about": about_job(job_id, request_id)}
        log.warning("job %s is %s%s", job_id, status, f": {failure.detail}" if failure else " again", extra=extra)
        if how in ("lost", "failed") and running:
            self._count_failure(job_id, running.seconds)
        if has_dependents:
            self._tick()

    def _count_failure(self, job_id: str, seconds: float | None) -> None:
        """For the statistics of its task: a child that died could not."""
        reference = reference_of(self.connection.hget(job_key(job_id), "data"))
        if reference in self._registry.tasks:
            self._statistics.add(reference, succeeded=False, run=seconds, wait=None)
            self._statistics.write()

    # What is due now and then

    def _beat_if_due(self, running: Running | None) -> None:
        """A job has to last a little before its supervisor speaks of it."""
        if running and running.seconds < LONG:
            running = None
        is_new = running is not None and running.execution != self._last_recorded
        is_busy = running or self._activity.totals() != self._told
        if is_new or time.monotonic() >= self._last_beat + (BEAT_BUSY if is_busy else BEAT_IDLE):
            self._last_beat = time.monotonic()
            self._last_recorded = running.execution if running else ""
            self._beat(running)

    def _beat(self, running: Running | None) -> None:
        job = (
            (running.job_id, running.execution, WIP_LEASE, running.began, round(running.seconds, 3)) if running else ()
        )
        jobs, seconds = self._activity.totals()
        done = jobs - self._told[0]
        news = (done.total(), round(seconds - self._told[1], 6), json.dumps(done), resident_memory(self._child_pid))
        is_whole, verdict = BEAT(self.connection, self.name, now_text(), RECORD_TTL, *news, *job)
        self._told = (jobs, seconds)
        if not is_whole:  # Redis has lost our record, or another took us for dead
            self.connection.hset(self.key, mapping=self.serialize())
            with self.connection.pipeline() as pipeline:
                worker_registration.register(self, pipeline)
                pipeline.execute()
        if running and verdict == b"stop":
            self._kill_job(running, "stopped", STOPPED)
        elif running and verdict == b"drop":
            self._kill_job(running, "lost", Failure.lost("The job was taken away while it ran."))

    def _tick_if_due(self) -> None:
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + TICK_SECONDS[self._tick()]
        if time.monotonic() >= self._next_house_keeping:
            self._next_house_keeping = time.monotonic() + HOUSE_KEEPING
            try:
                self.run_maintenance_tasks()
            except RedisError:
                raise
            except Exception:  # in RQ's code, of a damaged job: no reason to end a worker
                log.exception("house-keeping failed")

    def _tick(self) -> int:
        """Queue what is due, and take over what lost workers held; what tick.lua answers."""
        lost = Failure.lost()
        schedules, parents, jobs = TICK(
            self.connection, self.name, now_text(), lost.error, lost.packed_traceback, *self._settings.queues
        )
        self._meters.count("rescued", len(jobs))
        for job_id, request_id in jobs:
            extra = {"about": about_job(job_id.decode(), request_id.decode())}
            log.warning("job %s has lost its worker", job_id.decode(), extra=extra)
            self._count_failure(job_id.decode(), None)
        for job_id in parents:
            try:
                self._stock.enqueue_dependents(job_id.decode())
            except RedisError:
                raise
            except Exception:  # in RQ's code, of a damaged job
                log.exception("the dependents of job %s can't be queued", job_id.decode())
                self.connection.srem(PARENTS, job_id)
        return int(schedules)

    def run_maintenance_tasks(self) -> None:
        """What need not be exact: RQ's registries, of one queue at a time; the catalogue's time; what has expired."""
        queue = next(self._queues_to_tidy)
        queue.finished_job_registry.cleanup()
        queue.failed_job_registry.cleanup()
        worker_registration.clean_worker_registry(queue)
        queue.intermediate_queue.cleanup(self, queue)
        Group.clean_registries(connection=self.connection)
        announce(self.connection, self._registry.catalog)
        if self._sweeper.sweep():
            self._next_house_keeping = time.monotonic() + HOUSE_KEEPING_BEHIND

    def _read_commands(self, running: Running | None) -> None:
        """What RQ's tools have sent: stop a job, shut down, kill the child."""
        assert self._commands
        message = self._commands.get_message(timeout=0)
        while message:
            try:
                command = json.loads(message["data"])
                name, job_id = command["command"], command.get("job_id")
            except (ValueError, TypeError, KeyError, AttributeError):
                log.warning("a command can't be read: %.100r", message["data"])
            else:
                if name == "shutdown":
                    self._stop_signal = True
                elif name == "kill-horse" and running:
                    self._kill_job(running, "lost", Failure.lost("Its process was killed by a command."))
                elif name == "stop-job" and running and running.job_id == job_id:
                    self._kill_job(running, "stopped", STOPPED)
            message = self._commands.get_message(timeout=0)

    def _install_flags(self) -> tuple[int, int]:
        """Signals set flags. Return a pipe that can be read when one has come."""
        ends = os.pipe()
        for end in ends:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(ends[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._flag_stop)
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        return ends

    def _remove_flags(self, wakeup: tuple[int, int]) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        for end in wakeup:
            os.close(end)

    def _flag_stop(self, signum: int, frame: Any) -> None:
        self._stop_signal = True


def _reason(status: int) -> str:
    if status == -signal.SIGKILL:
        return "The process that ran the job was killed (signal 9): out of memory?"
    if status < 0:
        return f"The process that ran the job died of signal {-status} ({signal.Signals(-status).name})."
    return f"The process that ran the job ended with exit status {status}."


def work(settings: WorkerSettings, registry: TaskRegistry, meters: Row) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    redis = connect_impatiently(settings.redis_url.get_secret_value(), TaskWorker.connection_timeout)
    TaskWorker(settings, registry, redis, meters).work()
