"""The worker: a supervisor that never imports or runs a task, and its child that runs jobs (child/loop.py).

RQ's tools know the supervisor as a worker. It lets a template import the tasks (template.py), registers, and gets a
child from the template. While the child lives, the supervisor watches it (watch.py) and does what is due in Redis
(duties.py); when the child has ended, it settles what is left (child_exit.py).
It has one thread, and its signal handlers set flags.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq.scheduler import release_lock
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker, WorkerStatus

from taskdesk.jobs import fields
from taskdesk.jobs.catalog import announce
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.intake import Intake
from taskdesk.jobs.keys import WORKERS, commands_key, scheduler_lock_key
from taskdesk.jobs.schedules.code import sync_code_schedules
from taskdesk.jobs.stores import folder_store, open_store
from taskdesk.service import clock
from taskdesk.service.redis import connect_with_timeout
from taskdesk.version import VERSION
from taskdesk.worker.child.assembly import REDIS_ANSWER_SECONDS, assemble
from taskdesk.worker.discovery import TaskRegistry, discover
from taskdesk.worker.exit_status import EXIT_FINISHED
from taskdesk.worker.leases import RECORD_TTL_SECONDS
from taskdesk.worker.redis_retry import Interrupted, retry_until_redis_answers
from taskdesk.worker.rq_fallback import TaskJob
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.shared.meters import Meters, Row
from taskdesk.worker.shared.output_buffer import OutputBuffer
from taskdesk.worker.supervisor.checkpoint_sender import CheckpointSender
from taskdesk.worker.supervisor.child_exit import ChildExit
from taskdesk.worker.supervisor.commands import Commands
from taskdesk.worker.supervisor.duties import Duties
from taskdesk.worker.supervisor.heartbeat import Heartbeat
from taskdesk.worker.supervisor.housekeeping import Housekeeping
from taskdesk.worker.supervisor.job_control import JobControl
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.regular_intake import RegularIntake
from taskdesk.worker.supervisor.retention import Sweeper
from taskdesk.worker.supervisor.revoker import Revoker
from taskdesk.worker.supervisor.settlement import Settlement
from taskdesk.worker.supervisor.signals import StopSignals
from taskdesk.worker.supervisor.stop_grace import StopGrace
from taskdesk.worker.supervisor.tempdir import OwnFolder
from taskdesk.worker.supervisor.template import Template
from taskdesk.worker.supervisor.watch import Watch
from taskdesk.worker.task_package import exit_without_tasks

ATTEMPTS_WHEN_STOPPED = 6  # to reach Redis, in about 1.5 s

log = logging.getLogger("worker")


def work(settings: WorkerSettings, meters: Row, *, is_first: bool) -> None:
    """Run jobs until SIGTERM or SIGINT. `is_first`: the first process of several logs what all of them serve."""
    redis = connect_with_timeout(settings.redis_url.get_secret_value(), TaskWorker.connection_timeout)
    template = Template(settings.tasks, partial(discover, settings))
    TaskWorker(settings, template, redis, meters, logs_catalog=is_first).work()


class TaskWorker(BaseWorker):
    job_class = TaskJob
    process_class = ChildProcess
    connection_timeout = 2  # seconds; RQ would wait as long as a worker may be idle

    def __init__(
        self,
        settings: WorkerSettings,
        template: Template,
        redis: Redis,
        meters: Row | None = None,
        *,
        logs_catalog: bool = False,
    ):
        super().__init__(
            list(settings.queues),
            connection=redis,
            serializer=JSONSerializer,
            default_result_ttl=settings.result_ttl,
            worker_ttl=RECORD_TTL_SECONDS - 60,  # RQ adds 60
            log_job_description=False,
            prepare_for_work=False,  # it asks Redis, which may be away: `_begin` does it
        )
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self._settings, self._logs_catalog = settings, logs_catalog
        self._template, self._announced = template, ""  # the digest of the catalog
        self._is_settled = True  # no child has left a job
        self._catalog = CatalogReader(redis)
        swept, self._store = folder_store(settings), open_store(settings)  # only the child calls this: s3_store.py
        self._folder = OwnFolder()
        meters = meters or Meters(1).rows[0]
        self._shared = shared = SharedMemory(
            Activity(settings.queues), meters, OutputBuffer(), ForeignJobs(), CheckpointMemory()
        )
        self._activity, self._meters = shared.activity, shared.meters
        self._signals = signals = StopSignals()
        self._process = process = self.process_class()
        self._commands = Commands(redis, commands_key(self.name))
        self._settlement = settlement = Settlement(redis, self.name, settings, template, shared)
        self._control = control = JobControl(process, shared.activity, settlement)
        self._revoker = revoker = Revoker(redis, self.name, shared.activity, control)
        checkpoints = CheckpointSender(redis, shared.checkpoints)
        self._exit = ChildExit(process, shared, control=control, settlement=settlement, checkpoints=checkpoints)
        self._duties = Duties(
            self,
            process,
            control=control,
            revoker=revoker,
            commands=self._commands,
            heartbeat=Heartbeat(redis, self.name, shared.activity),
            settlement=settlement,
            checkpoints=checkpoints,
            housekeeping=Housekeeping(self, partial(self._announce, again=True), Sweeper(redis, swept, settings)),
            intake=RegularIntake(Intake(redis, settings.queues, self._catalog)),
            signals=signals,
        )
        self._watch = Watch(
            *(process, shared, redis),
            control=control,
            duties=self._duties,
            signals=signals,
            stop_grace=StopGrace(settlement, template, signals, settings.stop_grace),
        )

    def work(  # type: ignore[override]  # one way to pop, no other options
        self, burst: bool = False, logging_level: str | None = None
    ) -> bool:
        """Run jobs until SIGTERM or SIGINT; with `burst`, until the queues are empty.

        Return False if the worker was told to stop before Redis had ever answered.
        """
        with self._signals as wakeup:
            self._meters.begin()
            self._template.begin(partial(self._run_child, burst, os.getpid()), self._leave_redis)
            try:
                if not self._start(wakeup):
                    return False
                while self._run_next_child(burst, wakeup):
                    pass
                return True
            finally:
                self._template.close()
                self._folder.remove()
                if self._is_settled:  # else the record stays, so that others find by it what was left
                    self._say_goodbye()

    def _start(self, wakeup: int) -> bool:
        """Import the tasks and announce the worker. Return False if it had to stop meanwhile."""
        if not self._template.import_tasks(partial(self._wait, wakeup, lambda: None)):
            return False
        if self._logs_catalog:
            self._log_catalog()
        return self._retry_until_redis_answers(self._begin)

    def _run_next_child(self, burst: bool, wakeup: int) -> bool:
        """Run jobs in a child until it ends, and settle what it has left. Return True if another has to follow."""
        self._is_settled = False
        is_forked = self._fork(partial(self._wait, wakeup, self._watch.look))
        status = self._watch.until_end(wakeup) if is_forked else EXIT_FINISHED
        shutil.rmtree(self._folder.path / "job", ignore_errors=True)
        self._exit.count(status)
        is_last = self._signals.is_set  # a signal that comes from here on ends the next turn
        self._is_settled = self._retry_until_redis_answers(partial(self._exit.settle, status, is_last=is_last))
        is_done = burst and status == EXIT_FINISHED and not self._activity.read()
        return self._is_settled and not is_last and not is_done

    def _log_catalog(self) -> None:
        catalog = self._template.catalog
        for broken in catalog.broken:
            log.error("%s can't be used: %s", broken.module, broken.error)
        exit_without_tasks(self._settings, catalog)
        count, queues = len(catalog.tasks), ", ".join(self._settings.queues)
        log.info("the worker serves %d %s on queues %s", count, "task" if count == 1 else "tasks", queues)

    def _begin(self) -> None:
        clock.sync(self.connection)
        self._introduce_itself()
        self.register_birth()
        self._commands.subscribe()
        self.set_state(WorkerStatus.IDLE)
        sync_code_schedules(self.connection, self._catalog)
        self._settlement.tick()
        self._duties.send_heartbeat(None)

    def _introduce_itself(self) -> None:
        """Name the connection, and note the address that Redis sees. Some managed Redis refuse these commands."""
        with suppress(ResponseError):
            self.connection.client_setname(self.name)
            self.ip_address = str(self.connection.client_info()["addr"])

    def _say_goodbye(self) -> None:
        try:
            self._duties.send_last_heartbeat()
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

    # Template and child

    def _fork(self, wait: Callable[[], bool]) -> bool:
        """Start a child. Return False if the worker had to stop before that."""
        self._activity.clear()
        self._shared.output.clear()
        self._shared.output.empty_file()  # what a child wrote to it is in the log of its job, or in ours
        while not self._signals.is_set and self._template.import_tasks(wait):
            if self._template.catalog.digest != self._announced:  # the files have changed, and the template was lost
                self._retry_until_redis_answers(self._announce_again)
            self._shared.serve(self._template.catalog)
            pid = self._template.fork_child(wait)
            self._meters.set(template=self._template.pid)
            if pid:
                self._process.take(pid, self._template.began)
                return True
        return False

    def _wait(self, wakeup: int, look: Callable[[], None]) -> bool:
        """Look after Redis, and wait for the template a moment. Return False if the worker is told to stop."""
        look()
        self._template.sleep(wakeup)
        return not self._signals.is_set

    def _leave_redis(self) -> None:
        """Close the supervisor's connections in a process that it has forked."""
        self._commands.close()
        self.connection.close()

    def _run_child(self, burst: bool, supervisor: int, registry: TaskRegistry) -> int:
        """Run jobs in the child's process; return its exit status."""
        self._shared.serve(registry.catalog)
        child = assemble(
            *(self._settings, registry, self._store),
            connect_with_timeout(self._settings.redis_url.get_secret_value(), REDIS_ANSWER_SECONDS),
            self._shared,
            worker_name=self.name,
            folder=self._folder.path / "job",
            burst=burst,
            supervisor=supervisor,
        )
        status = child.run()
        self._activity.clear()  # it is not the job that ends this process
        return status

    # The worker's record, as RQ's code writes it

    def serialize(self) -> dict[str, Any]:
        ours = {fields.TASKDESK_VERSION: VERSION, fields.GROUP: self._settings.worker_group}
        return {**super().serialize(), "catalog": self._template.catalog.digest, **ours}

    def _announce(self, *, again: bool = False) -> None:
        settings, catalog = self._settings, self._template.catalog
        announce(self.connection, catalog, group=settings.worker_group, queues=settings.queues, again=again)
        self._announced = self._announced if again else catalog.digest

    def _announce_again(self) -> None:
        self._announce()
        self.connection.hset(self.key, mapping=self.serialize())
        sync_code_schedules(self.connection, self._catalog)

    def register_birth(self) -> None:
        self._announce()
        self.connection.delete(self.key)  # that of an attempt before, whose answer was lost
        super().register_birth()

    def register_death(self) -> None:
        self.connection.zrem(WORKERS, self.name)
        for queue in self._settings.queues:
            release_lock(self.connection, scheduler_lock_key(queue), self.name)
        super().register_death()
