"""RQ's callbacks of a job: `on_success`, `on_failure` and `on_stopped`, called as RQ's own worker calls them.

A callback has to be a function of the packages in TASKS, in a module that is imported already: a name in Redis imports
nothing. The job's log names a callback that is not run, and says why.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from taskdesk.jobs.events import EVENTS_TTL_SECONDS
from taskdesk.jobs.keys import job_key, stopped_callbacks_key
from taskdesk.jobs.task import JobContext, enter_job
from taskdesk.service.errors import AppError
from taskdesk.service.redis_errors import is_passing
from taskdesk.worker.callback_names import NOT_RUN, seconds_of
from taskdesk.worker.child.process import JobProcess
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.reservation import ReservedJob
from taskdesk.worker.child.resource_limits import TimeLimit
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.failure import Failure
from taskdesk.worker.redis_retry import retry_until_redis_answers
from taskdesk.worker.rq_fallback import TaskJob
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.output_buffer import LOGGING

_FOR_EVER_SECONDS = 10**9


class CallbackTimeout(AppError):
    """Timeout: a callback ran longer than it may."""


class Callbacks:
    def __init__(
        self,
        redis: Redis,
        registry: TaskRegistry,
        packages: Sequence[str],
        *,
        worker_name: str,
        reporter: Reporter,
        time_limit: TimeLimit,
        process: JobProcess,
        activity: Activity,
    ):
        """`packages`: those of the tasks."""
        self._redis = redis
        self._registry = registry
        self._packages = packages
        self._inside = tuple(f"{package}." for package in packages)
        self._stopped = stopped_callbacks_key(worker_name)
        self._reporter = reporter
        self._time_limit = time_limit
        self._process = process
        self._activity = activity

    def after_success(self, job: ReservedJob) -> Callable[[Any], None] | None:
        """Return what calls `on_success` with the result; None without one. An error that it raises fails the job."""
        names = job.callbacks
        if not names or not names.success:
            return None
        call = partial(self._call, "on_success", job.id, names.success, names.success_timeout, JobStatus.FINISHED)
        return lambda returned: call((returned,))

    def after_failure(self, job: ReservedJob, error: BaseException, failure: Failure) -> Failure:
        """Call `on_failure` with type, value and traceback. Return why the job failed: its error, if it raises one."""
        names = job.callbacks
        if not names or not names.failure:
            return failure
        details = (type(error), error, error.__traceback__)
        try:
            self._call("on_failure", job.id, names.failure, names.failure_timeout, JobStatus.FAILED, details)
        except BaseException as another:
            return Failure.of(another, names.failure_timeout, self._packages)
        return failure

    def after_refusal(self, job: ReservedJob, error: BaseException, failure: Failure) -> Failure:
        """As `after_failure`, of a job whose attempt is over: its arguments were refused."""
        if not job.callbacks:
            return failure
        self._activity.show_life(job.callbacks.seconds)
        self._reporter.begin(job.id, ttl=EVENTS_TTL_SECONDS)
        try:
            return self.after_failure(job, error, failure)
        finally:
            self._reporter.end()

    def run_stopped(self) -> None:
        """Call `on_stopped` of the jobs of this worker that were stopped. Their process was killed by that."""
        while job_id := retry_until_redis_answers(partial(self._redis.lpop, self._stopped), self._redis):
            self._run_stopped(job_id.decode())

    def _run_stopped(self, job_id: str) -> None:
        name, timeout = self._redis.hmget(job_key(job_id), "stopped_callback_name", "stopped_callback_timeout")
        if not name:
            return
        left = self._redis.ttl(job_key(job_id))
        seconds = seconds_of((timeout or b"").decode(errors="replace"))
        self._activity.show_life(seconds)
        self._reporter.begin(job_id, ttl=left if left > 0 else _FOR_EVER_SECONDS)
        try:
            self._call("on_stopped", job_id, name.decode(errors="replace"), seconds, JobStatus.STOPPED, ())
        except BaseException:  # the job has ended
            self._log(traceback.format_exc())
        finally:
            self._reporter.end()

    def _call(
        self, kind: str, job_id: str, name: str, seconds: int, status: JobStatus, details: tuple[Any, ...]
    ) -> None:
        try:
            function = self._find(name)
        except LookupError as error:
            self._log(NOT_RUN.format(kind=kind, why=error))
            return
        if job := self._fetch(job_id):
            job._status = status
            self._call_within_limit(kind, seconds, partial(_call_for, job, function, job, self._redis, *details))

    def _call_within_limit(self, kind: str, seconds: int, call: Callable[[], Any]) -> None:
        self._time_limit.set(seconds)
        try:
            self._process.sandbox.run(call)
        except JobTimeoutException:
            raise CallbackTimeout(f"{kind} ran longer than its limit of {seconds} s.") from None
        finally:
            self._time_limit.unset()
            self._process.sandbox.leave_task()

    def _log(self, text: str) -> None:
        self._reporter.log(text.encode(errors="replace"), LOGGING)

    def _fetch(self, job_id: str) -> Job | None:
        fetch = partial(TaskJob.fetch, job_id, connection=self._redis, serializer=JSONSerializer)
        try:
            return retry_until_redis_answers(fetch, self._redis, is_passing=is_passing)
        except NoSuchJobError:
            return None

    def _find(self, name: str) -> Callable[..., Any]:
        """Return the function of this path. Raises LookupError with the reason why there is none."""
        task = self._registry.tasks.get(name)
        found: Any = task.function if task else _attribute(name)
        module = getattr(found, "__module__", "") or ""
        if not callable(found) or not f"{module}.".startswith(self._inside):
            raise LookupError(f"{name[:200]} is no function of the tasks' package, {', '.join(self._packages)}.")
        if inspect.iscoroutinefunction(found):
            raise LookupError(f"{name[:200]} is async.")
        return found  # type: ignore[no-any-return]


def _call_for(job: Job, function: Callable[..., Any], *details: Any) -> None:
    enter_job(JobContext(job_id=job.id))
    function(*details)


def _attribute(path: str) -> Any:
    """Return what stands at this path in the modules that are imported; None if nothing does."""
    parts = path.split(".")
    for size in range(len(parts) - 1, 0, -1):
        if module := sys.modules.get(".".join(parts[:size])):
            found: Any = module
            for part in parts[size:]:
                found = vars(found).get(part) if hasattr(found, "__dict__") else None
            return found
    return None
