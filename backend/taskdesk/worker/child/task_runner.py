"""Call the task of a job: validate the arguments, set the job's context, store what the task returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from taskdesk.jobs.arguments import given_twice
from taskdesk.jobs.artifacts import Artifact, ArtifactStore, artifacts_of
from taskdesk.jobs.checkpoints import CheckpointStore
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.schema_rules import takes_path
from taskdesk.jobs.task import JobContext, enter_job
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.result_writer import ResultWriter, Written
from taskdesk.worker.discovery import LoadedTask, TaskRegistry
from taskdesk.worker.job_data import ForeignJob, read_job_data
from taskdesk.worker.settings import WorkerSettings


class TaskCall(NamedTuple):
    """A job that may run: its task, and its arguments as Python values."""

    job_id: str
    task: LoadedTask
    arguments: dict[str, Any]
    request_id: str
    filenames: dict[str, Any]  # of its uploads, for people


class TaskRunner:
    def __init__(
        self,
        settings: WorkerSettings,
        registry: TaskRegistry,
        store: ArtifactStore,
        reporter: Reporter,
        open_store: Callable[[str], CheckpointStore] | None = None,
    ):
        """`open_store`: for the checkpoints of the job of this id; without it, they are not kept."""
        self._settings = settings
        self._registry = registry
        self._store = store
        self._reporter = reporter
        self._open_store = open_store

    def prepare(self, job_id: str, data: bytes | None, request_id: str = "") -> TaskCall:
        """Return the call that the job asks for. Nothing is imported for it, whatever its data names.

        Raises TaskRefused, ForeignJob, InvalidArguments.
        """
        name, instance, positional, named = read_job_data(data)
        task = self._registry.by_call.get(name)
        if task is None or instance is not None:
            raise ForeignJob.not_served(name)
        raw = self._named(task, positional, named)
        uploads = {name: files for name in task.file_parameters if (files := artifacts_of(raw.get(name)))}
        arguments = self._validated(job_id, task, raw, uploads)
        names = {name: task.one_or_all(name, [file.filename for file in files]) for name, files in uploads.items()}
        return TaskCall(job_id, task, arguments, request_id, names)

    def run(
        self, call: TaskCall, leave_task: Callable[[], None], on_success: Callable[[Any], None] | None = None
    ) -> Written:
        """Call the task; return its result. Raises what the task raises.

        `leave_task` is called between the task and our own code that stores its result, `on_success` at the end.
        """
        task = call.task
        enter_job(
            JobContext(
                job_id=call.job_id,
                request_id=call.request_id,
                settings=self._settings,
                report=self._reporter.progress_of_job(),
                logger=task.logger,
                filenames=call.filenames,
                open_store=self._open_store,
            )
        )
        try:
            with task.around_job():
                returned = task.call(**call.arguments)
        finally:
            leave_task()
        written = ResultWriter(self._store, call.job_id, self._settings.max_result_bytes).write(returned)
        if on_success:
            on_success(returned)
        return written

    def _named(self, task: LoadedTask, positional: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        if not positional and not task.takes_other_names:
            return named
        try:  # from plain RQ
            return task.spec.named(positional, named)
        except TypeError as error:
            raise InvalidArguments([FieldError("", str(error))]) from None

    def _validated(
        self, job_id: str, task: LoadedTask, raw: dict[str, Any], uploads: Mapping[str, Sequence[Artifact]]
    ) -> dict[str, Any]:
        """Return the arguments as Python values: for each uploaded file a local path, or its bytes."""
        for name, schema in task.spec.file_parameters.items():
            is_list = name in task.spec.file_lists
            if name in uploads:
                if len(uploads[name]) > 1 and not is_list:
                    raise InvalidArguments([given_twice(name, len(uploads[name]))])
                paths = [self._store.local_path(job_id, file.artifact) for file in uploads[name]]
                raw[name] = task.one_or_all(
                    name, paths if takes_path(schema) else [path.read_bytes() for path in paths]
                )
            elif not (raw.get(name) is None or (raw[name] == [] and is_list)):
                raise InvalidArguments([FieldError(f"/{name}", "is no uploaded file.")])
        return task.validate(raw)
