"""The names that authors of tasks import."""

from taskdesk.jobs.results import File, Markdown, Picture, Table
from taskdesk.jobs.task import AnyFile, CsvFile, LongText, Upload, current_job, progress, task, temporary_folder
from taskdesk.jobs.task_functions import task_lookup

__all__ = [
    "AnyFile",
    "CsvFile",
    "File",
    "LongText",
    "Markdown",
    "Picture",
    "Table",
    "Upload",
    "current_job",
    "progress",
    "task",
    "task_lookup",
    "temporary_folder",
]
