"""The worker's child: runs one job after another, in one process, at one round trip to Redis each.

Whatever happens to it costs the job that runs: its supervisor sees it die, settles that job and forks another.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from redis import Redis

from taskdesk.jobs.artifacts import ArtifactStore
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.events import KEPT_SECONDS
from taskdesk.jobs.keys import queue_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import Script
from taskdesk.jobs.statistics import StatisticsWriter, seconds_since
from taskdesk.service import clock
from taskdesk.service.errors import AppError
from taskdesk.service.logs import set_default_fields
from taskdesk.service.pool import die_with_parent
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_errors import is_passing
from taskdesk.service.sentry import report
from taskdesk.worker.child.hand_back import HandBack
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.queue_waiter import QueueWaiter
from taskdesk.worker.child.reservation import EndedJob, ReservedJob, reserved
from taskdesk.worker.child.resource_limits import ResourceLimits, TimeLimit
from taskdesk.worker.child.sandbox import Sandbox
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.child.task_runner import TaskRunner
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.exit_status import EXIT_FINISHED, EXIT_RECYCLE
from taskdesk.worker.failure import STOPPED, Failure
from taskdesk.worker.job_data import ForeignJob, reference_of
from taskdesk.worker.leases import EXECUTION_LEASE_SECONDS
from taskdesk.worker.process_memory import MB, resident_memory
from taskdesk.worker.redis_retry import Interrupted, retry_until_redis_answers
from taskdesk.worker.rq_fallback import RQFallback, Stopped
from taskdesk.worker.scripts import ADOPT, CYCLE, RELEASE
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.meters import Row
from taskdesk.worker.shared.output_buffer import OutputBuffer

MEMORY_CHECK_JOBS = 200
PREFETCH_BELOW_SECONDS = 0.001  # seconds that jobs may take on average for the next to be prefetched
STALE_AFTER_SECONDS = 10.0  # seconds after which a job that was prefetched may have another worker: we were frozen
OTHER_QUEUE_EVERY = 10  # reservations of which one is for a less urgent queue
DEPENDENTS_SECONDS = 600.0  # seconds that RQ's own code may take to queue very many dependents
PACE_WINDOW_JOBS = 8  # about so many jobs make the average

NOT_ENDED = -1  # cycle.lua leaves the end of this job to RQ's own code

Arguments = tuple[Any, ...]
_Answer = TypeVar("_Answer")

log = logging.getLogger("worker")


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
        meters: Row,
        output: OutputBuffer,
        foreign: ForeignJobs,
        folder: Path,
        burst: bool,
        supervisor: int,
    ):
        self._settings = settings
        self._worker_name = worker_name
        self._activity = activity
        self._meters = meters
        self._foreign = foreign
        self._hand_back_plan = HandBack(redis, registry, settings.foreign_ttl)
        self._folder = folder
        self._burst = burst
        self._supervisor = supervisor
        self._stopping = False
        self._queue_keys = keys = tuple(queue_key(queue) for queue in settings.queues)
        self._other_orders = [keys[first:] + keys[:first] for first in range(1, len(keys))] or [keys]
        self._has_result = False
        self._needs_recycle = False
        self._redis = redis
        self._connection = ScriptConnection(
            redis,
            timeout=5,
            give_up=lambda: self._stopping and not self._has_result,
            show_life=activity.show_life,
        )
        self._queue_waiter = QueueWaiter(redis, self._queue_keys, activity.show_life)
        self._reporter = Reporter(redis, output)
        self._task_runner = TaskRunner(settings, registry, store, self._reporter.progress)
        self._rq_fallback = RQFallback(redis, worker_name, settings)
        self._statistics = StatisticsWriter(connect_with_timeout(settings.redis_url.get_secret_value(), timeout=1))
        self._time_limit = TimeLimit()
        self._limits = {
            reference: ResourceLimits.of(task.options, settings) for reference, task in registry.tasks.items()
        }
        self._isolated = {reference for reference, task in registry.tasks.items() if task.options.isolated}
        once = {reference for reference, task in registry.tasks.items() if task.options.at_most_once}
        self._not_prefetched = (
            self._isolated | once
        )  # they begin when Redis has them as what runs, and none is put back
        self._run_id = uuid.uuid4().hex[:16]  # with a counter it makes the ids of executions
        self._executions = activity.totals()[0].total()  # a child that runs one job only goes on counting, too
        self._jobs = 0
        self._pace = 1.0  # seconds that jobs took lately

    def run(self) -> int:
        """Run jobs until told to stop; the exit status."""
        wakeup = self._prepare_process()
        try:
            answer = self._cycle()
            while True:
                if self._statistics.due_in() <= 0:
                    self._statistics.write()
                if answer[1] == b"job":
                    job = reserved(answer, self._settings)
                    if self._stopping:
                        return EXIT_FINISHED  # it has not begun: the supervisor puts it back
                    if self._jobs and job.is_of(self._isolated):
                        return EXIT_RECYCLE  # the next child is given the same job
                    may_prefetch = self._pace < PREFETCH_BELOW_SECONDS and not job.is_of(self._not_prefetched)
                    outcome = self._work_with_prefetch(job) if may_prefetch else self._work(job)
                    answer = self._end(outcome) if outcome else self._cycle()
                    if self._needs_recycle:
                        return EXIT_RECYCLE
                elif self._stopping or (self._burst and answer[1] != b"again"):
                    return EXIT_FINISHED
                else:
                    self._rest(answer, wakeup)
                    answer = self._cycle()
        except Interrupted:
            return EXIT_FINISHED
        finally:
            self._statistics.write()

    # Jobs

    def _work(self, job: ReservedJob) -> EndedJob:
        self._activity.begin(job.id, job.execution, job.timeout)
        return self._run(job)

    def _work_with_prefetch(self, job: ReservedJob) -> EndedJob | None:
        """Run the job and those after it, as long as they are short. How the last has ended; None if nothing has run.

        While one runs, Redis ends the one before it and reserves the one after it. Nothing begins that may have been
        given to another meanwhile: it was revoked, we were frozen, or Redis is away.
        """
        before: EndedJob | None = None
        while True:
            if before and (
                self._activity.is_revoked(before.job.execution) or clock.now() > before.began + STALE_AFTER_SECONDS
            ):
                return before
            if not self._connection.send(*self._command(before, begins=job)):
                return before
            self._activity.begin(
                job.id, job.execution, job.timeout, prefetches=True, prev_unconfirmed=before is not None
            )
            outcome = self._run(job)
            answer = self._connection.answer()
            if before:
                self._ended(before, answer)
            is_to_go_on = self._pace < PREFETCH_BELOW_SECONDS and not (
                self._stopping or self._needs_recycle or self._statistics.due_in() <= 0
            )
            if outcome.failure or not job.is_plain or not is_to_go_on or answer[1] != b"job":
                return outcome
            job, before = reserved(answer, self._settings), outcome
            if job.is_of(self._not_prefetched):
                return outcome

    def _run(self, job: ReservedJob) -> EndedJob:
        """Call the job's task."""
        failure, content, kinds, reference, refusal = None, b"", "", "", None
        set_default_fields(job.about)
        began, since = clock.now(), clock.monotonic()
        try:
            call = self._task_runner.prepare(job.id, job.data, job.request_id)
            reference = call.task.spec.reference
            self._reporter.begin(job.id, ttl=max(job.timeout, 0) + KEPT_SECONDS)
            self._time_limit.set(job.timeout)
            try:
                with self._limits[call.task.spec.reference].applied():
                    content, kinds = self._task_runner.run(call)
            finally:
                self._sandbox.end_copy()
                self._time_limit.unset()
        except BaseException as error:  # SystemExit, too, is an end of the job and not of the worker
            failure = Failure.of(error, job.timeout)
            if not reference and isinstance(error, ForeignJob | InvalidArguments):
                self._activity.refuse()
                refusal = error
            else:
                report(error, task=reference, job_id=job.id, request_id=job.request_id)
        self._activity.rest()
        self._reporter.end()
        seconds = clock.monotonic() - since
        outcome = EndedJob(job, began, began + seconds, round(seconds, 6), content, kinds, failure, refusal)
        self._has_result = True
        self._tidy_up(outcome, reference or reference_of(job.data))  # its arguments or files may have been refused
        return outcome

    def _tidy_up(self, outcome: EndedJob, reference: str) -> None:
        """Put back what the job has changed, count it, and see whether another process is to run the next."""
        job, failure = outcome.job, outcome.failure
        self._sandbox.restore(outcome.seconds)
        if not outcome.refusal:
            self._count(outcome, reference)
        self._jobs += 1
        self._pace += (outcome.seconds - self._pace) / PACE_WINDOW_JOBS
        self._needs_recycle = (
            job.is_of(self._isolated)
            or (failure is not None and failure.was_cut_off)  # what it has begun may go on: it ends with the process
            or self._sandbox.is_dirty
            or self._has_grown(outcome.seconds)
        )

    def _count(self, outcome: EndedJob, reference: str) -> None:
        if reference in self._limits:  # nobody else may name what there are statistics of
            wait = seconds_since(outcome.job.enqueued_at, outcome.began)
            self._statistics.add(reference, succeeded=not outcome.failure, run=outcome.seconds, wait=wait)
            self._meters.ran(reference, succeeded=not outcome.failure, seconds=outcome.seconds)

    # Redis

    def _cycle(self, outcome: EndedJob | None = None) -> Any:
        """End a job, if one has succeeded, and reserve the next, if there is to be one."""
        answer = self._connection.call(*self._command(outcome))
        if answer[0] == NOT_ENDED:
            return answer  # should this process die now, its supervisor has to see which job it was at
        self._has_result = False
        if answer[1] != b"job":
            self._activity.clear()
            set_default_fields({})
        return answer

    def _command(
        self, outcome: EndedJob | None, begins: ReservedJob | None = None
    ) -> tuple[Script, Arguments, Arguments]:
        self._executions += 1
        keys = () if self._stopping or self._needs_recycle else self._order()
        arguments: Arguments = (
            *(self._worker_name, now_text(), f"{self._run_id}{self._executions:x}", EXECUTION_LEASE_SECONDS),
            *((begins.id, begins.execution) if begins else ("", "")),
        )
        if outcome:
            job = outcome.job
            arguments += (
                *(job.id, job.execution, job.queue),
                b64encode(outcome.content) if outcome.content != b"null" else b"",
                *(job.result_ttl, outcome.kinds, outcome.began, outcome.ended),
            )
        return (
            (ADOPT, keys, (*arguments, self._foreign.served)) if self._foreign.are_there else (CYCLE, keys, arguments)
        )

    def _order(self) -> tuple[str, ...]:
        """The queues, the most urgent first; now and then another one is, so that none waits for ever."""
        turn, rest = divmod(self._executions, OTHER_QUEUE_EVERY)
        return self._queue_keys if rest else self._other_orders[turn % len(self._other_orders)]

    def _end(self, outcome: EndedJob) -> Any:
        """End the job; what was reserved after it."""
        if outcome.failure:
            if not (outcome.refusal and self._hand_back(outcome, outcome.failure, outcome.refusal)):
                self._fail(outcome, outcome.failure)
        elif outcome.job.is_plain:
            answer = self._cycle(outcome)
            if self._ended(outcome, answer):
                return answer
        else:
            self._succeed_as_rq(outcome)
        return self._cycle()

    def _ended(self, outcome: EndedJob, answer: Any) -> bool:
        """Whether the script has done all that is to be done for the end of this job."""
        if answer[0] == NOT_ENDED:
            self._succeed_as_rq(outcome)
            return False
        if answer[0] == 0:
            extra = {"about": outcome.job.about}
            log.warning("job %s was taken away while it ran: its result is not kept", outcome.job.id, extra=extra)
        else:
            self._activity.succeeded(outcome.job.queue, outcome.seconds)
        return True

    def _succeed_as_rq(self, outcome: EndedJob) -> None:
        job = outcome.job
        try:
            times = outcome.began, outcome.ended
            self._retry(
                lambda: self._rq_fallback.succeed(job.id, job.execution, outcome.content, outcome.kinds, *times)
            )
        except Stopped:
            log.info("job %s was stopped as it ended", job.id, extra={"about": job.about})
            self._release(outcome, "stopped", STOPPED)
        except Exception as error:  # in RQ's code, of a damaged job that waits for this one
            log.exception("job %s can't be ended as RQ does", job.id, extra={"about": job.about})
            self._fail(outcome, Failure.of(error, job.timeout))

    def _hand_back(self, outcome: EndedJob, failure: Failure, refusal: AppError) -> bool:
        """Let another worker run the job, uncharged. False if it has to fail: no worker would take its arguments."""
        job = outcome.job
        foreign = self._retry(lambda: self._hand_back_plan.arguments(job, refusal))
        if not foreign:
            self._count(outcome, reference_of(job.data))
            return False
        answer = self._release(outcome, "foreign", failure, *foreign)
        if answer and answer[4]:
            self._meters.count("handed_back")
            if answer[4] == 1:  # it comes back now and then: once is enough
                log.warning("job %s is handed back: %s", job.id, refusal, extra={"about": job.about})
        elif answer:
            log.warning("job %s is %s: %s", job.id, answer[0].decode(), refusal, extra={"about": job.about})
        return True

    def _fail(self, outcome: EndedJob, failure: Failure) -> None:
        job = outcome.job
        log.warning("job %s failed: %s: %s", job.id, failure.type, failure.log_text, extra={"about": job.about})
        self._release(outcome, "failed", failure)

    def _release(self, outcome: EndedJob, how: str, failure: Failure, *foreign: str | int | bytes) -> Any:
        """End the job other than by success; what release.lua answers."""
        job = outcome.job
        answer = self._connection.call(
            RELEASE,
            (),
            (
                *(self._worker_name, now_text(), how, job.id, job.execution),
                *(failure.error, failure.packed_traceback, outcome.began, outcome.ended, outcome.seconds),
                *foreign,
            ),
        )
        if answer and answer[0] == b"failed" and answer[2]:
            with suppress(Exception):  # the supervisor tries, too, and says what is wrong
                self._retry(lambda: self._rq_fallback.enqueue_dependents(job.id))
        return answer

    def _retry(self, step: Callable[[], _Answer]) -> _Answer:
        """A job's end is not given up for an outage: its supervisor ends the job if there is no more time."""
        show_life = partial(self._activity.show_life, DEPENDENTS_SECONDS)
        return retry_until_redis_answers(step, self._redis, is_passing=is_passing, on_attempt=show_life)

    # The process

    def _has_grown(self, seconds: float) -> bool:
        """Whether this process has run its number of jobs, or has grown too large."""
        if self._jobs >= self._settings.recycle_jobs:
            return True
        looks = seconds > 0.05 or self._jobs % MEMORY_CHECK_JOBS == 0
        return looks and resident_memory() > self._settings.recycle_memory * MB

    def _rest(self, answer: Any, wakeup: int) -> None:
        reason = answer[1]
        if reason == b"suspended":
            time.sleep(0.5)
        elif reason == b"paused":
            self._queue_waiter.wait(
                wakeup, self._statistics.due_in(), {queue_key(queue.decode()) for queue in answer[2]}
            )
        elif reason == b"none":
            self._queue_waiter.wait(wakeup, self._statistics.due_in())

    def _prepare_process(self) -> int:
        """Make this process the job's own; return a file descriptor that can be read when a signal has come."""
        os.setpgid(0, 0)
        die_with_parent(self._supervisor, signal.SIGKILL)
        os.register_at_fork(after_in_child=_leave_signals)
        random.seed()
        reading, self._wakeup = self._foreign.wakeup
        as_log = self._settings.env == "prod"
        self._sandbox = Sandbox(
            self._folder, self._reporter, self._take_signals, self._activity.show_life, as_log=as_log
        )
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # from here on it is ours
        gc.freeze()  # what the supervisor has loaded is shared: a collection would copy it
        return reading

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._time_limit.install()

    def _stop(self, signum: int, frame: Any) -> None:
        self._stopping = True


def _leave_signals() -> None:
    """In a process that a job forks: it ends as any other when it is told to."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
