"""Call the task of a job: validate the arguments, set the job's context, store what the task returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from taskdesk.jobs.artifacts import ArtifactStore
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.task import JobContext, enter_job
from taskdesk.worker.child.result_writer import ResultWriter
from taskdesk.worker.discovery import LoadedTask, TaskRegistry
from taskdesk.worker.job_data import ForeignJob, read_job_data
from taskdesk.worker.settings import WorkerSettings

ReportProgress = Callable[[float, float, str], None]  # current, total, message


class TaskCall(NamedTuple):
    """A job that may run: its task, and its arguments as Python values."""

    job_id: str
    task: LoadedTask
    arguments: dict[str, Any]
    request_id: str


class TaskRunner:
    def __init__(self, settings: WorkerSettings, registry: TaskRegistry, store: ArtifactStore, report: ReportProgress):
        self._settings = settings
        self._registry = registry
        self._store = store
        self._report = report
        self._signatures = {name: inspect.signature(task.function) for name, task in registry.tasks.items()}

    def prepare(self, job_id: str, data: bytes | None, request_id: str = "") -> TaskCall:
        """Return the call that the job asks for. Nothing is imported for it, whatever its data names.

        Raises TaskRefused, ForeignJob, InvalidArguments.
        """
        name, instance, positional, named = read_job_data(data)
        task = self._registry.tasks.get(name)
        if task is None or instance is not None:
            raise ForeignJob.not_served(name)
        return TaskCall(job_id, task, self._bind(job_id, task, positional, named), request_id)

    def run(self, call: TaskCall) -> tuple[bytes, str]:
        """Call the task; return the result and the kinds of its parts, both as JSON. Raises what the task raises."""
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
        """Return the arguments as Python values: validated again, with a local path for each uploaded file."""
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
