"""Run one job, in the worker's child: check it, give it its context, call the function, keep what it returns."""

from __future__ import annotations

import inspect
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from redis import Redis
from rq.exceptions import DeserializationError
from rq.job import Job

from jobkit.artifacts import ArtifactStore
from jobkit.errors import AppError, FieldError, InvalidArguments
from jobkit.events import KEPT_SECONDS
from jobkit.jobs import RESULT_KINDS
from jobkit.task import JobContext, enter_job
from runner.discovery import LoadedTask, TaskRegistry
from runner.reporter import Reporter, captured_output
from runner.settings import WorkerSettings
from runner.storing import ResultWriter


class TaskRefused(AppError):
    """Task refused: the job names a function that this worker does not serve."""


class Executor:
    """What a worker process needs to run the jobs of its catalogue."""

    def __init__(self, settings: WorkerSettings, registry: TaskRegistry, redis: Redis, store: ArtifactStore):
        self._settings = settings
        self._registry = registry
        self._redis = redis
        self._store = store

    def run(self, job: Job) -> Any:
        """Run the job's task; return the JSON value to keep. Whatever goes wrong is raised."""
        task = self._allowed(job)
        arguments = self._bind(task, job)
        ttl = int(job.timeout or task.spec.timeout) + KEPT_SECONDS
        reporter = Reporter(self._redis, job, ttl=ttl)
        with _job_folder(job.id) as folder, reporter.running(), captured_output(reporter), _logging(reporter):
            enter_job(
                JobContext(
                    job_id=job.id,
                    settings=self._settings,
                    folder=folder,
                    report=reporter.progress,
                    logger=logging.getLogger(task.spec.name),
                )
            )
            with self._registry.around_job():
                returned = task.function(**arguments)
            value, kinds = ResultWriter(self._store, job.id, self._settings.max_result_bytes).write(returned)
        self._redis.hset(job.key, RESULT_KINDS, json.dumps(kinds))
        return value

    def _allowed(self, job: Job) -> LoadedTask:
        """The job's task, from this worker's own catalogue. Nothing is imported for it, whatever the job names."""
        try:
            name = job.func_name
        except DeserializationError:
            raise TaskRefused("The job's data can't be read: it is no JSON.") from None
        task = self._registry.tasks.get(name or "")
        if task is None or job.instance is not None:
            raise TaskRefused(f"This worker does not serve {name!r}: it is not in its catalogue.")
        return task

    def _bind(self, task: LoadedTask, job: Job) -> dict[str, Any]:
        """The arguments as Python values: checked again, with a local path for each uploaded file."""
        try:
            raw = dict(inspect.signature(task.function).bind_partial(*job.args, **job.kwargs).arguments)
        except TypeError as error:
            raise InvalidArguments([FieldError("", str(error))]) from None
        for name in task.spec.file_parameters:
            if isinstance(raw.get(name), dict):
                raw[name] = self._store.local_path(job.id, str(raw[name].get("artifact")))
            elif raw.get(name) is not None:
                raise InvalidArguments([FieldError(f"/{name}", "is no uploaded file.")])
        try:
            checked = task.arguments.model_validate(raw)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            raise InvalidArguments(
                [FieldError("/" + "/".join(map(str, detail["loc"])), detail["msg"]) for detail in details]
            ) from None
        return {name: getattr(checked, name) for name in task.arguments.model_fields}


@contextmanager
def _job_folder(job_id: str) -> Iterator[Path]:
    remove_job_folder(job_id)
    folder = _job_folder_path(job_id)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        remove_job_folder(job_id)


def remove_job_folder(job_id: str) -> None:
    """Remove the job's temporary folder; the worker does, when a child was killed and could not."""
    shutil.rmtree(_job_folder_path(job_id), ignore_errors=True)


def _job_folder_path(job_id: str) -> Path:
    return Path(tempfile.gettempdir()) / f"taskdesk-{job_id}"


@contextmanager
def _logging(reporter: Reporter) -> Iterator[None]:
    """Copy the log records of the task and of its libraries to the job's log."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter.log(self.format(record) + "\n")

    handler = Handler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda record: not record.name.startswith("rq."))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
