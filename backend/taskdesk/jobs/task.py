"""What the author of a task may use: the decorator, progress, the place where the job runs, and kinds of files.

All of it works without Redis and without a worker, so a task stays a function that a shell or a unit test can call.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

FILE_FORMAT = "binary"  # formats in the JSON Schema of a parameter: see schema_rules.py
LONG_TEXT_FORMAT = "multiline"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class TaskOptions:
    """What `@task` sets. None means: what the worker's settings say."""

    queue: str = "default"
    timeout: int | None = None  # seconds
    retries: int = 0
    at_most_once: bool = False
    isolated: bool = False
    memory: int | None = None  # MB
    cpu: int | None = None  # seconds
    file_size: int | None = None  # MB


def task(
    *,
    queue: str = "default",
    timeout: int | None = None,
    retries: int = 0,
    at_most_once: bool = False,
    isolated: bool = False,
    memory: int | None = None,
    cpu: int | None = None,
    file_size: int | None = None,
) -> Callable[[Function], Function]:
    """Say where and how a task runs. Optional: every public function of the tasks package is a task.

    `at_most_once`: a job that has begun never begins again, but fails if its worker is stopped or lost.
    A worker's process runs many jobs; `isolated` gives each job of this task a process of its own. `memory` (MB that
    the job may add), `cpu` (seconds) and `file_size` (MB) are its limits; 0 is none.
    """
    options = TaskOptions(queue, timeout, retries, at_most_once, isolated, memory, cpu, file_size)

    def decorate(function: Function) -> Function:
        function.task_options = options  # type: ignore[attr-defined]
        return function

    return decorate


@dataclass(frozen=True)
class Upload:
    """Marks a `Path` parameter as an uploaded file. The task receives the path of a local copy."""

    media_type: str = "application/octet-stream"
    extensions: tuple[str, ...] = ()

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """How the parameter looks in the catalog: binary, with the media type and the extensions that fit."""
        return {
            "type": "string",
            "format": FILE_FORMAT,
            "contentMediaType": self.media_type,
            "extensions": list(self.extensions),
        }


AnyFile = Annotated[Path, Upload()]
CsvFile = Annotated[Path, Upload("text/csv", (".csv",))]
LongText = Annotated[str, Field(json_schema_extra={"format": LONG_TEXT_FORMAT})]


@dataclass
class JobContext:
    """Where a task is: its job, and what it may tell about itself. The worker puts a real one in place."""

    job_id: str = "local"
    request_id: str = ""
    settings: Any = None
    folder: Path | None = None
    report: Callable[[float, float, str], None] = lambda current, total, message: None
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("task"))


_context: ContextVar[JobContext | None] = ContextVar("job_context", default=None)


def current_job() -> JobContext:
    """The job that is running; outside a worker, a stand-in with the id "local"."""
    context = _context.get()
    if context is None:
        context = JobContext()
        _context.set(context)
    return context


def enter_job(context: JobContext) -> None:
    """Make `context` the current job of this process (the worker calls this, once per job)."""
    _context.set(context)


def progress(current: float, total: float = 1, message: str = "") -> None:
    """Tell how far the job is: `current` of `total`, and a sentence. Cheap to call often."""
    current_job().report(current, total, message)


def temporary_folder() -> Path:
    """A folder of this job alone. The worker removes it when the job has ended."""
    context = current_job()
    if context.folder is None:
        context.folder = Path(tempfile.mkdtemp(prefix="task-"))
    return context.folder
