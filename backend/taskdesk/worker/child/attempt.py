"""One attempt at a job: call its task within its limits, see how that ends, and put the process back as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.events import EVENTS_TTL_SECONDS
from taskdesk.jobs.retries import RetryLater
from taskdesk.jobs.task import TaskOptions
from taskdesk.service import clock
from taskdesk.service.errors import AppError
from taskdesk.service.logs import set_default_fields
from taskdesk.service.sentry import report
from taskdesk.worker.asked_retry import RetryAsked
from taskdesk.worker.child.attempt_counter import AttemptCounter
from taskdesk.worker.child.callbacks import Callbacks
from taskdesk.worker.child.process import JobProcess
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.recycling import Recycling
from taskdesk.worker.child.reservation import EndedJob, ReservedJob
from taskdesk.worker.child.resource_limits import ResourceLimits, TimeLimit
from taskdesk.worker.child.result_writer import Written
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.child.task_runner import TaskCall, TaskRunner
from taskdesk.worker.failure import Failure
from taskdesk.worker.job_data import ForeignJob, reference_of
from taskdesk.worker.shared.activity import Activity

_NO_OPTIONS = TaskOptions()
PACE_WINDOW_JOBS = 8  # about so many jobs make the average


class _Returned(NamedTuple):
    """The end of a call: see EndedJob."""

    reference: str
    content: bytes = b""
    kinds: str = ""
    preview: bytes = b""
    failure: Failure | None = None
    refusal: AppError | None = None


class AttemptRunner:
    def __init__(
        self,
        task_runner: TaskRunner,
        limits: dict[str, ResourceLimits],
        packages: Sequence[str],
        *,
        time_limit: TimeLimit,
        reporter: Reporter,
        process: JobProcess,
        activity: Activity,
        counter: AttemptCounter,
        recycling: Recycling,
        callbacks: Callbacks,
        state: ChildState,
    ):
        """`limits`: those of each task. `packages`: those of the tasks."""
        self._task_runner = task_runner
        self._packages = packages
        self._limits = limits
        self._time_limit = time_limit
        self._reporter = reporter
        self._process = process
        self._activity = activity
        self._counter = counter
        self._recycling = recycling
        self._callbacks = callbacks
        self._state = state
        self.pace = 1.0  # seconds that jobs took lately

    def run(self, job: ReservedJob) -> EndedJob:
        """Run the job, which the shared memory names already."""
        set_default_fields(job.log_fields)
        began, since = clock.now(), clock.monotonic()
        returned = self._call(job)
        self._reporter.end()
        seconds = clock.monotonic() - since
        reference = returned.reference or reference_of(job.data)  # its arguments or files may have been refused
        ended = EndedJob(job, reference, began, began + seconds, round(seconds, 6), *returned[1:])
        self._state.has_result = True
        self._tidy_up(ended)
        return ended

    def _call(self, job: ReservedJob) -> _Returned:
        reference, options = "", _NO_OPTIONS
        try:
            call = self._task_runner.prepare(job.id, job.data, job.request_id)
            reference, options = call.task.spec.reference, call.task.options
            return _Returned(reference, *self._call_within_limits(call, job))
        except RetryAsked as asked:
            return _Returned(reference, failure=Failure.of_retry(asked))
        except RetryLater as later:
            return _Returned(reference, failure=Failure.of_later(later))
        except BaseException as error:  # SystemExit, too, is an end of the job and not of the worker
            failure = Failure.of(error, job.timeout, self._packages)
            if not reference and isinstance(error, ForeignJob | InvalidArguments):
                self._activity.refuse()
                return _Returned(reference, failure=failure, refusal=error)
            report(error, task=reference, job_id=job.id, request_id=job.request_id)
            failure = self._callbacks.after_failure(job, error, failure)
            is_final = not (failure.was_cut_off or options.is_retried_after(error))
            return _Returned(reference, failure=replace(failure, is_final=is_final))
        finally:
            self._activity.end_function()  # while the arguments are there: it may take for ever to drop them

    def _call_within_limits(self, call: TaskCall, job: ReservedJob) -> Written:
        sandbox = self._process.sandbox
        self._reporter.begin(call.job_id, ttl=max(job.seconds, 0) + EVENTS_TTL_SECONDS)
        self._time_limit.set(job.timeout)
        try:
            with self._limits[call.task.spec.reference].applied():
                return sandbox.run(self._task_runner.run, call, sandbox.leave_task, self._callbacks.after_success(job))
        finally:
            self._time_limit.unset()

    def _tidy_up(self, ended: EndedJob) -> None:
        """Put back what the job has changed, count it, and see whether the next one needs a new process."""
        sandbox = self._process.sandbox
        sandbox.restore(ended.seconds)
        if not ended.refusal:
            self._counter.count(ended)
        self.pace += (ended.seconds - self.pace) / PACE_WINDOW_JOBS
        self._recycling.note(ended, is_dirty=sandbox.is_dirty)
