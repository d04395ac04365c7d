"""The names for authors of tasks: the decorator, progress, the running job, and types of files.

They work without Redis and without a worker, so that a shell or a unit test can call a task as a function.
"""

from __future__ import annotations

import logging
import math
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from taskdesk.jobs.retries import DEFAULT_BACKOFF, Backoff

FILE_FORMAT = "binary"  # formats in the JSON Schema of a parameter: see schema_rules.py
LONG_TEXT_FORMAT = "multiline"
COLUMN_OF = "columnOf"  # keyword of ours: the CSV upload whose column the text names
SECRET_FORMAT = "password"  # of pydantic, for SecretStr
DECIMAL_FORMAT = "decimal"  # of ours, for Decimal

Function = TypeVar("Function", bound=Callable[..., Any])
Exceptions = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True)
class TaskOptions:
    """The options of `@task`. None stands for the worker's setting."""

    queue: str | None = None
    timeout: int | None = None  # seconds
    retries: int = 0
    at_most_once: bool = False
    isolated: bool = False
    memory: int | None = None  # MB
    cpu: int | None = None  # seconds
    file_size: int | None = None  # MB
    backoff: Backoff = DEFAULT_BACKOFF
    retry_on: Exceptions = BaseException
    give_up_on: Exceptions = ()
    grace: int | None = None  # seconds
    webhook: str = ""
    every: str | None = None
    zone: str = "UTC"
    missed: str = "latest"
    overlap: str = "skip"
    notify: str = ""

    def is_retried_after(self, error: BaseException) -> bool:
        """Return True if a job that ended with this error is tried again, while it has retries left."""
        return isinstance(error, self.retry_on) and not isinstance(error, self.give_up_on)


def task(
    *,
    queue: str | None = None,
    timeout: int | None = None,
    retries: int = 0,
    at_most_once: bool = False,
    isolated: bool = False,
    memory: int | None = None,
    cpu: int | None = None,
    file_size: int | None = None,
    backoff: Backoff = TaskOptions.backoff,
    retry_on: Exceptions = TaskOptions.retry_on,
    give_up_on: Exceptions = TaskOptions.give_up_on,
    grace: int | None = None,
    webhook: str = "",
    every: str | None = None,
    zone: str = TaskOptions.zone,
    missed: str = TaskOptions.missed,
    overlap: str = TaskOptions.overlap,
    notify: str = "",
) -> Callable[[Function], Function]:
    """Set where and how a task runs. Every public function of the tasks package is a task, also without this.

    `at_most_once`: a job that has started never starts again; it fails if its worker is stopped or lost.
    `isolated`: each job of this task gets a process of its own, where otherwise one process runs many jobs.
    `memory` (MB that the job may add), `cpu` (seconds) and `file_size` (MB) limit a job; 0 is no limit.
    `grace`: the seconds that a stop of the worker waits for a running job of this task.
    `webhook`: the URL that hears of the end of each job of this task, if the submit names no other.
    `every` runs the task by itself, without arguments: a cron string for the time zone `zone`, or a duration such as
    "10m". `missed` ("skip", "latest", "all"): the times that run later if no worker was there. `overlap` ("skip",
    "queue", "cancel"): what happens if the job before has not ended.
    `notify`: the channel of alerts that hears of the failures of this task.
    `backoff`: how long each of the `retries` waits. `retry_on`, `give_up_on`: the exceptions that have one, or none.
    """
    options = TaskOptions(
        *(queue, timeout, retries, at_most_once, isolated, memory, cpu, file_size, backoff, retry_on, give_up_on),
        grace=grace,
        webhook=webhook,
        every=every,
        zone=zone,
        missed=missed,
        overlap=overlap,
        notify=notify,
    )

    def decorate(function: Function) -> Function:
        function.task_options = options  # type: ignore[attr-defined]
        return function

    return decorate


@dataclass(frozen=True)
class Upload:
    """Marks a `Path` parameter as an uploaded file. The task gets the path of a local copy."""

    media_type: str = "application/octet-stream"
    extensions: tuple[str, ...] = ()

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema of the parameter: binary, with the media type and the extensions of its files."""
        return {
            "type": "string",
            "format": FILE_FORMAT,
            "contentMediaType": self.media_type,
            "extensions": list(self.extensions),
        }


AnyFile = Annotated[Path, Upload()]
CsvFile = Annotated[Path, Upload("text/csv", (".csv",))]
LongText = Annotated[str, Field(json_schema_extra={"format": LONG_TEXT_FORMAT})]


@dataclass(frozen=True)
class Column:
    """Marks a text as the name of a column of the CSV upload `of`: `target: Annotated[str, Column("data")]`.

    The form offers the columns of the chosen file, and a name that its first line does not have is refused at submit.
    """

    of: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema of the parameter, with the name of the upload."""
        return {**handler(core_schema), COLUMN_OF: self.of}


@dataclass
class JobContext:
    """The job that a task runs for, and how it reports. The worker sets a real one.

    `filenames`: by parameter, the name that the person's file has; empty if the client sent none. For a list of files,
    the list of their names.
    """

    job_id: str = "local"
    request_id: str = ""
    settings: Any = None
    folder: Path | None = None
    filenames: Mapping[str, Any] = field(default_factory=dict)
    report: Callable[[float, float, str], None] = lambda current, total, message: None
    open_store: Callable[[str], Any] | None = None  # of checkpoints.py, for the job of this id
    checkpoints: Any = None  # set when the task first asks for them
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("task"))


_context: ContextVar[JobContext | None] = ContextVar("job_context", default=None)
_running: JobContext | None = None  # for a thread that was started before any job
_THREAD_JOB = "taskdesk_job"  # attribute of a thread
_folder_lock = threading.Lock()


def current_job() -> JobContext:
    """Return the running job; outside a worker, a stand-in with the id "local"."""
    context = job_of_thread() or _running
    if context is None:
        context = JobContext()
        _context.set(context)
    return context


def job_of_thread() -> JobContext | None:
    """Return the job of this thread: the one that it works for, or in which it was started."""
    return _context.get() or getattr(threading.current_thread(), _THREAD_JOB, None)


def enter_job(context: JobContext) -> None:
    """Make `context` the current job of this process. The worker calls this once per job."""
    global _running
    _running = context
    _context.set(context)


@contextmanager
def working_for(context: JobContext) -> Iterator[None]:
    """Let this thread work for a job while the block runs."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def bind_to_job(thread: threading.Thread) -> None:
    """Give a new thread the job of this one."""
    setattr(thread, _THREAD_JOB, job_of_thread())


def progress(current: float, total: float = 1, message: str = "") -> None:
    """Report the progress of the job: `current` of `total`, and a sentence. It is cheap to call often.

    Raises ValueError unless both are finite numbers.
    """
    current_job().report(_number("current", current), _number("total", total), message)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"progress(): {name} has to be a finite number, and is {value!r:.100}.")
    return number


def temporary_folder() -> Path:
    """Return a folder for this job only. The worker removes it when the job has ended."""
    context = current_job()
    with _folder_lock:
        if context.folder is None:
            context.folder = Path(tempfile.mkdtemp(prefix="task-"))
        return context.folder
