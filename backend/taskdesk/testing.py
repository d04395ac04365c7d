"""For pytest: the fixture `desk` runs jobs in the process of the test, without Redis and without a worker.

Arguments and results go through JSON and the worker's own checks, so a job that passes here is one that a worker runs.
"""

from __future__ import annotations

import json
import tempfile
from contextvars import copy_context
from dataclasses import replace
from functools import cache
from typing import Any, Unpack

import pytest

from taskdesk.client import Desk
from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.catalog import TaskSpec, by_call
from taskdesk.jobs.desk import digest_of
from taskdesk.jobs.errors import IdempotencyKeyReused, JobNotFound, NoResult, TaskNotFound
from taskdesk.jobs.events import Event, Progress
from taskdesk.jobs.job import Job, Retention
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.status import Status
from taskdesk.jobs.stored_results import read_value
from taskdesk.jobs.submission import fields_of_all
from taskdesk.jobs.submit_options import SubmitOptions, check_submit_options
from taskdesk.jobs.submitted_job import own_fields, submitted
from taskdesk.jobs.task import JobContext, enter_job
from taskdesk.jobs.uploads import store_uploads
from taskdesk.service import clock
from taskdesk.service.settings import load
from taskdesk.worker.child.progress_reporter import Reporter, ReportProgress
from taskdesk.worker.child.result_writer import Written
from taskdesk.worker.child.task_runner import TaskRunner
from taskdesk.worker.discovery import TaskRegistry, discover
from taskdesk.worker.failure import Failure
from taskdesk.worker.settings import WorkerSettings


@pytest.fixture(scope="session")
def taskdesk_tasks() -> str:
    """The packages of the tasks: the setting TASKS. Define a fixture of this name to choose another."""
    return ",".join(load(WorkerSettings, env="dev").tasks)


@pytest.fixture
def desk(taskdesk_tasks: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose jobs have ended when `submit` returns."""
    folder = tmp_path_factory.mktemp("desk")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    settings = load(WorkerSettings, env="dev", tasks=taskdesk_tasks, data_dir=folder)
    return Desk(LocalSource(settings, _discovered(taskdesk_tasks)))


@cache
def _discovered(packages: str) -> TaskRegistry:
    return discover(load(WorkerSettings, env="dev", tasks=packages))


class LocalSource:
    """Runs each job when it is submitted: once, whatever `queue`, `at` and the task's retries say."""

    def __init__(self, settings: WorkerSettings, registry: TaskRegistry):
        self._settings = settings
        self._catalog = registry.catalog
        self._store = FolderStore(settings.data_dir / "artifacts")
        self._progress = _Progress()
        self._runner = TaskRunner(settings, registry, self._store, self._progress)
        self._jobs: dict[str, Job] = {}
        self._results: dict[str, bytes] = {}
        self._raised: dict[str, BaseException] = {}
        self._events: dict[str, list[Event]] = {}
        self._keys: dict[str, tuple[str, str]] = {}  # the digest of a request, and its job

    def task(self, name: str) -> TaskSpec:
        spec = by_call(self._catalog.tasks.values()).get(name) or self._catalog.tasks.get(name)
        if spec:
            return spec
        broken = [f"{one.module} is broken: {one.error}" for one in self._catalog.broken]
        found = f"TASKS={','.join(self._settings.tasks)} has the tasks {', '.join(self._catalog.tasks) or '–'}."
        raise TaskNotFound(name) from LookupError(" ".join([found, *broken]))

    def submit(self, spec: TaskSpec, arguments: Arguments, *, key: str | None, **options: Unpack[SubmitOptions]) -> Job:
        check_submit_options(self._settings.queues, options)
        digest, job_id = digest_of(spec, arguments, options), new_job_id()
        if key:
            earlier, job_id = self._keys.setdefault(key, (digest, job_id))
            if earlier != digest:
                raise IdempotencyKeyReused(key)
        if job_id not in self._jobs:
            self._jobs[job_id] = self._run(*self._made(spec, arguments, job_id, options))
        return self._jobs[job_id]

    def _made(self, spec: TaskSpec, arguments: Arguments, job_id: str, options: SubmitOptions) -> tuple[Job, bytes]:
        """Return the job as a submit makes it, and its data as Redis would have them."""
        values = {**arguments.values, **store_uploads(self._store, spec, arguments, job_id)}
        retention = Retention(self._settings.result_ttl, self._settings.failure_ttl)
        options["at"] = None
        common, _ = fields_of_all(spec, retention, **options)
        own = own_fields(spec, values)
        return submitted(job_id, values, {**common, **own}), own["data"]

    def _run(self, job: Job, data: bytes) -> Job:
        self._events[job.id] = self._progress.events = []
        began = clock.utc_now()
        try:
            call = self._runner.prepare(job.id, data)
            written: Written = copy_context().run(self._runner.run, call, _nothing)
            ended = replace(job, status=Status.SUCCEEDED, result_kinds=json.loads(written.kinds))
            self._results[job.id] = written.content
        except (Exception, SystemExit) as error:
            self._raised[job.id] = error
            ended = replace(job, status=Status.FAILED, error=json.loads(Failure.of(error, 0).error))
        finally:
            enter_job(JobContext())
        return replace(ended, started_at=began, ended_at=clock.utc_now())

    def job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise JobNotFound(job_id)
        return self._jobs[job_id]

    def has_ended(self, job_id: str) -> bool:
        return self.job(job_id).is_final

    def result(self, job: Job) -> Any:
        if job.id in self._raised:
            raise NoResult(job.id, job.status) from self._raised[job.id]
        return read_value(job.id, self._results[job.id])

    def cancel(self, job_id: str) -> None:
        self.job(job_id)

    def news(self, job_id: str, after: str) -> tuple[Status, list[Event]]:
        return self.job(job_id).status, self._events[job_id]


class _Progress(Reporter):
    """Collects what the running job reports. What it prints belongs to the test."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def progress_of_job(self) -> ReportProgress:
        events = self.events

        def report(current: float, total: float, message: str) -> None:
            shown = Progress(current, total, str(message)).as_dict()
            events.append(Event(f"{len(events) + 1}-0", "progress", shown))

        return report


def _nothing() -> None: ...
