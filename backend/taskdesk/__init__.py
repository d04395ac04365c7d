"""The names that authors of tasks import."""

from taskdesk.jobs.results import File, Markdown, Picture, Table
from taskdesk.jobs.retries import Backoff, RetryLater
from taskdesk.jobs.task import AnyFile, CsvFile, LongText, Upload, current_job, progress, task, temporary_folder
from taskdesk.jobs.task_functions import task_lookup

__all__ = [
    "AnyFile",
    "Backoff",
    "CsvFile",
    "File",
    "LongText",
    "Markdown",
    "Picture",
    "RetryLater",
    "Table",
    "Upload",
    "current_job",
    "progress",
    "task",
    "task_lookup",
    "temporary_folder",
]
