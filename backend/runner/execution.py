"""Call the task of one job, in the worker's child: check it, give it its context, keep what it returns."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic_core import from_json

from jobkit.artifacts import ArtifactStore
from jobkit.errors import AppError, FieldError, InvalidArguments
from jobkit.task import JobContext, enter_job
from runner.discovery import LoadedTask, TaskRegistry
from runner.settings import WorkerSettings
from runner.storing import ResultWriter

Report = Callable[[float, float, str], None]


class TaskRefused(AppError):
    """Task refused: the job names a function that this worker does not serve."""


class Call(NamedTuple):
    """A job that may run: its task, and its arguments as Python values."""

    job_id: str
    task: LoadedTask
    arguments: dict[str, Any]
    request_id: str


class Executor:
    """What a worker process needs to run the jobs of its catalogue."""

    def __init__(self, settings: WorkerSettings, registry: TaskRegistry, store: ArtifactStore, report: Report):
        self._settings = settings
        self._registry = registry
        self._store = store
        self._report = report
        self._signatures = {name: inspect.signature(task.function) for name, task in registry.tasks.items()}

    def prepare(self, job_id: str, data: bytes | None, request_id: str = "") -> Call:
        """What the job calls. Nothing is imported for it, whatever its data names.

        Raises TaskRefused, InvalidArguments.
        """
        name, instance, positional, named = _read(data)
        task = self._registry.tasks.get(name)
        if task is None or instance is not None:
            raise TaskRefused(f"This worker does not serve {name!r}: it is not in its catalogue.")
        return Call(job_id, task, self._bind(job_id, task, positional, named), request_id)

    def run(self, call: Call) -> tuple[bytes, str]:
        """Call the task; return the result and the kinds of its parts, both as JSON. Whatever goes wrong is raised."""
        task = call.task
        enter_job(
            JobContext(
                job_id=call.job_id,
                request_id=call.request_id,
                settings=self._settings,
                report=self._report,
                logger=task.logger,
            )
        )
        with self._registry.around_job():
            returned = task.function(**call.arguments)
        return ResultWriter(self._store, call.job_id, self._settings.max_result_bytes).write(returned)

    def _bind(self, job_id: str, task: LoadedTask, positional: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        """The arguments as Python values: checked again, with a local path for each uploaded file."""
        raw = named
        if positional:  # from plain RQ
            try:
                raw = self._signatures[task.spec.reference].bind_partial(*positional, **named).arguments
            except TypeError as error:
                raise InvalidArguments([FieldError("", str(error))]) from None
        for name in task.file_parameters:
            if isinstance(raw.get(name), dict):
                raw[name] = self._store.local_path(job_id, str(raw[name].get("artifact")))
            elif raw.get(name) is not None:
                raise InvalidArguments([FieldError(f"/{name}", "is no uploaded file.")])
        return task.validate(raw)


def reference_of(data: bytes | None) -> str:
    """The name of the task that a job calls; empty if its data can't be read."""
    try:
        return _read(data)[0]
    except TaskRefused:
        return ""


def _read(data: bytes | None) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """Reference, instance, arguments. Only JSON is read: a pickle, say, is never loaded."""
    try:
        if data is not None and data[:1] == b"x":
            data = zlib.decompress(data)
        reference, instance, positional, named = from_json(data or b"")
        return str(reference), instance, list(positional), dict(named)
    except (ValueError, TypeError, zlib.error):
        raise TaskRefused("The job's data can't be read: it is no JSON.") from None
