"""The job whose input a form begins with: `/tasks/<task>?from=<job id>`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import request

from taskdesk.jobs.artifacts import Artifact, UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import (
    ArtifactNotFound,
    FieldError,
    InvalidArguments,
    JobExpired,
    JobNotFound,
    UnreadableInput,
)
from taskdesk.jobs.job import Job
from taskdesk.web.context import desk


@dataclass(frozen=True)
class Source:
    """The job, if one is asked for and fits; `problem` says why there is none."""

    job: Job | None = None
    problem: str = ""

    @cached_property
    def values(self) -> dict[str, Any]:
        """Its input, without files."""
        given = (self.job and self.job.input) or {}
        return {name: value for name, value in given.items() if name not in self.files}

    @property
    def options(self) -> dict[str, list[str]]:
        """Its queue, if it is still one, and its tags, as texts of the form."""
        if not self.job:
            return {}
        queue = {"-queue": [self.job.queue]} if self.job.queue in desk().queues.names else {}
        return {"-tag": [" ".join(self.job.tags)], **queue}

    @cached_property
    def files(self) -> dict[str, Artifact]:
        """The files that came with it, by parameter."""
        return self.job.uploads if self.job else {}

    @cached_property
    def again(self) -> list[str]:
        """Which of them are to be used again: those that the form says; all, before it is sent."""
        return [name for name in self.files if request.method == "GET" or name in asked_again()]

    def reopen(self, files: ExitStack) -> dict[str, UploadedFile]:
        """The files to be used again, open until `files` closes. Raises InvalidArguments if one is gone."""
        try:
            return {name: self._reopen(name, files) for name in asked_again()}
        except ArtifactNotFound:
            raise InvalidArguments([FieldError(f"/{name}", _GONE) for name in asked_again()]) from None

    def _reopen(self, name: str, files: ExitStack) -> UploadedFile:
        if not self.job or name not in self.files:
            raise ArtifactNotFound("", name)
        return desk().reopen(self.job, name, files)


def asked_again() -> list[str]:
    return request.form.getlist("-again")  # no parameter has a hyphen in its name


_GONE = "The file of the earlier job is no longer kept: choose it again."


def read_source(spec: TaskSpec) -> Source:
    job_id = request.args.get("from", "")
    if not job_id:
        return Source()
    try:
        job = desk().jobs.get(job_id)
    except (JobNotFound, JobExpired) as error:
        return Source(problem=str(error))
    if job.task != spec.name:
        return Source(problem=f"Job {job_id} is not of this task, but of {job.task}.")
    return Source(job) if job.input is not None else Source(problem=str(UnreadableInput(job_id)))
