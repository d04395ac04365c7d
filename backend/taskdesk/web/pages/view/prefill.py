"""An earlier job whose input fills a form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from taskdesk.jobs.artifacts import Artifact
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import UnreadableInput
from taskdesk.jobs.job import Job


@dataclass(frozen=True)
class Prefill:
    """The earlier job, or `problem`: a sentence that says why there is none, empty if none was asked for.

    `reused` names the file parameters whose file the new job takes from the earlier one.
    """

    job: Job | None = None
    problem: str = ""
    reused: Sequence[str] = ()
    queues: Sequence[str] = field(default=(), repr=False)

    @classmethod
    def of(cls, job: Job, spec: TaskSpec, reused: Sequence[str] | None, queues: Sequence[str]) -> Prefill:
        """Return the prefill from a job: with all its files if `reused` is None. A new job may wait in `queues`."""
        if job.task != spec.name:
            return cls(problem=f"Job {job.id} is a job of {job.task}, not of this task.")
        if job.input is None:
            return cls(problem=str(UnreadableInput(job.id, job.input_fault)))
        return cls(job, reused=[name for name in job.uploads if reused is None or name in reused], queues=queues)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Return the input of the job, its defaults included, without its files and secrets."""
        given = {**self.job.defaults, **(self.job.input or {})} if self.job else {}
        hidden = {*self.files, *(self.job.secrets if self.job else ())}
        return {name: value for name, value in given.items() if name not in hidden}

    @property
    def options(self) -> dict[str, list[str]]:
        """Return queue and tags of the job as texts of the form. A queue that no longer exists is left out."""
        if not self.job:
            return {}
        queue = {"-queue": [self.job.queue]} if self.job.queue in self.queues else {}
        return {"-tag": [" ".join(self.job.tags)], **queue}

    @cached_property
    def files(self) -> dict[str, Artifact]:
        """Return the files that were uploaded with the job, by parameter."""
        return self.job.uploads if self.job else {}
