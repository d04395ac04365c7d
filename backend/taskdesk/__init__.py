"""The names that authors of tasks import, and `Desk`, which an application imports."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from taskdesk.jobs.checkpoints import checkpoint, resumable, resumed
from taskdesk.jobs.results import File, Markdown, Picture, Table
from taskdesk.jobs.retries import Backoff, RetryLater
from taskdesk.jobs.task import AnyFile, Column, CsvFile, LongText, Upload, current_job, progress, task, temporary_folder
from taskdesk.jobs.task_functions import task_lookup

if TYPE_CHECKING:
    from taskdesk.client import Desk, JobHandle

__all__ = [
    "AnyFile",
    "Backoff",
    "Column",
    "CsvFile",
    "Desk",
    "File",
    "JobHandle",
    "LongText",
    "Markdown",
    "Picture",
    "RetryLater",
    "Table",
    "Upload",
    "checkpoint",
    "current_job",
    "progress",
    "resumable",
    "resumed",
    "task",
    "task_lookup",
    "temporary_folder",
]


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: a task needs neither Redis nor its library."""
    if name in ("Desk", "JobHandle"):
        return getattr(import_module("taskdesk.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
