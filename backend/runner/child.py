"""The worker's child: runs one job after another, in one process, at one round trip to Redis each.

Whatever happens to it costs one job at most: its supervisor sees it die, settles that job and forks another.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import uuid
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

from jobkit.artifacts import ArtifactStore
from jobkit.events import KEPT_SECONDS
from runner.activity import Activity
from runner.discovery import TaskRegistry
from runner.execution import Executor
from runner.failure import Failure
from runner.limits import MB, Limits, install_cpu_handler, resident_memory, time_limit
from runner.reporter import Reporter, capture_output
from runner.scripts import CYCLE, RELEASE
from runner.settings import WorkerSettings
from runner.stock import StockEndings
from runner.wire import Doorbell, Interrupted, Wire

DONE, RECYCLE = 0, 75  # exit statuses: nothing more to do; start another in my place
LEASE = 90  # seconds until RQ's own clean-up takes a job for abandoned; the supervisor renews it
MEMORY_CHECK_JOBS = 200
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

log = logging.getLogger("worker")


@dataclass(frozen=True, slots=True)
class Reserved:
    """A job that this worker holds. `timeout` in seconds, below 1 for none."""

    id: str
    execution: str
    queue: str
    data: bytes | None
    timeout: int
    result_ttl: int
    is_plain: bool  # no repetition, no dependencies, a result to keep: what the script can end


class Child:
    def __init__(
        self,
        settings: WorkerSettings,
        registry: TaskRegistry,
        store: ArtifactStore,
        *,
        worker_name: str,
        redis: Redis,
        activity: Activity,
        folder: Path,
        burst: bool,
        supervisor: int,
    ):
        self._settings = settings
        self._worker_name = worker_name
        self._activity = activity
        self._folder = folder
        self._burst = burst
        self._supervisor = supervisor
        self._stopping = False
        self._queue_keys = tuple(f"rq:queue:{queue}" for queue in settings.queues)
        self._has_result = False
        self._is_worn = False
        self._wire = Wire(redis, timeout=5, give_up=lambda: self._stopping and not self._has_result)
        self._doorbell = Doorbell(redis, self._queue_keys)
        self._reporter = Reporter(redis)
        self._executor = Executor(settings, registry, store, self._reporter.progress)
        self._stock = StockEndings(redis, worker_name, settings)
        self._limits = {reference: Limits.of(task.options, settings) for reference, task in registry.tasks.items()}
        self._isolated = {reference for reference, task in registry.tasks.items() if task.options.isolated}
        self._run = uuid.uuid4().hex[:16]  # with a counter it makes the ids of executions
        self._executions = 0
        self._jobs = 0

    def run(self) -> int:
        """Run jobs until told to stop; the exit status."""
        wakeup = self._prepare_process()
        try:
            answer = self._cycle()
            while True:
                if answer[1] == b"job":
                    job = _reserved(answer, self._settings)
                    if self._stopping:
                        return DONE  # it has not begun: the supervisor puts it back
                    if self._needs_a_fresh_process(job) and self._jobs:
                        return RECYCLE  # the next child is given the same job
                    answer = self._work(job)
                    if self._is_worn:
                        return RECYCLE
                elif self._stopping or (self._burst and answer[1] != b"again"):
                    return DONE
                else:
                    self._rest(answer[1], wakeup)
                    answer = self._cycle()
        except Interrupted:
            return DONE

    def _cycle(self, *finished: Any) -> Any:
        """End a job, if one has succeeded, and reserve the next, if there is to be one."""
        keys = () if self._stopping or self._is_worn else self._queue_keys
        self._executions += 1
        execution = f"{self._run}{self._executions:x}"
        answer = self._wire.script(CYCLE, keys, (self._worker_name, now_text(), execution, LEASE, *finished))
        self._has_result = False
        if answer[1] != b"job":
            self._activity.clear()
        return answer

    # One job

    def _work(self, job: Reserved) -> Any:
        """Run the job and end it; what was reserved after it."""
        began = time.time()
        failure = None
        content = kinds = ""
        try:
            content, kinds = self._call(job, began)
        except BaseException as error:  # SystemExit, too, is an end of the job and not of the worker
            failure = Failure.of(error, job.timeout)
        ended = time.time()
        self._has_result = True
        self._remove_files()
        self._jobs += 1
        self._is_worn = self._needs_a_fresh_process(job) or self._has_grown(ended - began)
        if failure:
            self._fail(job, failure, began, ended)
            return self._cycle()
        return self._succeed(job, content, kinds, began, ended)

    def _call(self, job: Reserved, began: float) -> tuple[str, str]:
        self._activity.begin(job.id, job.execution, began, job.timeout)
        call = self._executor.prepare(job.id, job.data)
        self._reporter.begin(job.id, ttl=max(job.timeout, 0) + KEPT_SECONDS)
        try:
            limits = self._limits[call.task.spec.reference]
            with time_limit(job.timeout), limits.applied():
                return self._executor.run(call)
        finally:
            self._reporter.end()

    def _succeed(self, job: Reserved, content: str, kinds: str, began: float, ended: float) -> Any:
        if job.is_plain:
            payload = b64encode(content.encode()) if content != "null" else b""
            answer = self._cycle(
                *(job.id, job.execution, job.queue, payload, job.result_ttl, kinds),
                *(began, ended, round(ended - began, 6)),
            )
            if answer[0] == 0:
                log.warning("job %s was taken away while it ran: its result is not kept", job.id)
            if answer[0] >= 0:
                return answer
        self._stock.succeed(job.id, job.execution, content, kinds, began)
        return self._cycle()

    def _fail(self, job: Reserved, failure: Failure, began: float, ended: float) -> None:
        log.warning("job %s failed: %s: %s", job.id, failure.type, failure.detail)
        answer = self._wire.script(
            RELEASE,
            (),
            (
                *(self._worker_name, now_text(), "failed", job.id, job.execution),
                *(failure.error, failure.packed_traceback, began, ended, round(ended - began, 6)),
            ),
        )
        if answer and answer[0] == b"failed" and answer[2]:
            self._stock.enqueue_dependents(job.id)

    def _needs_a_fresh_process(self, job: Reserved) -> bool:
        return bool(self._isolated) and self._executor.reference(job.data) in self._isolated

    def _has_grown(self, seconds: float) -> bool:
        """Whether this process has run its number of jobs, or has grown too large."""
        if self._jobs >= self._settings.recycle_jobs:
            return True
        looks = seconds > 0.05 or self._jobs % MEMORY_CHECK_JOBS == 0
        return looks and resident_memory() > self._settings.recycle_memory * MB

    # The process

    def _rest(self, reason: bytes, wakeup: int) -> None:
        if reason == b"suspended":
            time.sleep(0.5)
        elif reason == b"none":
            self._doorbell.wait(wakeup)

    def _prepare_process(self) -> int:
        """Make this process the job's own; return a file descriptor that can be read when a signal has come."""
        os.setpgid(0, 0)
        die_with_parent(self._supervisor)
        random.seed()
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop)
        install_cpu_handler()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        tempfile.tempdir = os.environ["TMPDIR"] = str(self._folder)
        capture_output(self._reporter)
        gc.freeze()  # what the supervisor has loaded is shared: a collection would copy it
        return reading

    def _stop(self, signum: int, frame: Any) -> None:
        self._stopping = True

    def _remove_files(self) -> None:
        """Remove what the job has left in the temporary folder."""
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


def _reserved(answer: Any, settings: WorkerSettings) -> Reserved:
    _, _, job_id, execution, queue, fields = answer
    data, timeout, result_ttl, _, repeats_left, dependency_ids, _, _ = fields
    ttl = int(result_ttl) if result_ttl else settings.result_ttl
    return Reserved(
        id=job_id.decode(),
        execution=execution.decode(),
        queue=queue.decode(),
        data=data,
        timeout=int(float(timeout)) if timeout else settings.job_timeout,
        result_ttl=ttl,
        is_plain=ttl != 0 and not dependency_ids and repeats_left in (None, b"", b"0"),
    )


def now_text() -> str:
    """Now, as RQ writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent` is gone (Linux has that)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
