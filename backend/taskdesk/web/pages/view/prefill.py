"""An earlier job whose input fills a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from taskdesk.jobs.artifacts import Artifact
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import UnreadableInput
from taskdesk.jobs.job import Job
from taskdesk.web.pages.view.fields import FormField


@dataclass(frozen=True)
class Prefill:
    """The earlier job, or `problem`: a sentence that says why there is none, empty if none was asked for.

    `files`: those that were uploaded with the job, by parameter and key. The key is the name of the parameter; if it
    takes several files, it is `name/0`, `name/1` and so on. `reused` has the keys of those that the new job takes.
    """

    job: Job | None = None
    problem: str = ""
    files: Mapping[str, Mapping[str, Artifact]] = field(default_factory=dict)
    reused: Sequence[str] = ()
    queues: Sequence[str] = field(default=(), repr=False)

    @classmethod
    def of(cls, job: Job, spec: TaskSpec, reused: Sequence[str] | None, queues: Sequence[str]) -> Prefill:
        """Return the prefill from a job: with all its files if `reused` is None. A new job may wait in `queues`."""
        if job.task != spec.name:
            return cls(problem=f"Job {job.id} is a job of {job.task}, not of this task.")
        if job.input is None:
            return cls(problem=str(UnreadableInput(job.id, job.input_fault)))
        files = {name: dict(_keyed(name, some, name in spec.file_lists)) for name, some in job.uploads.items()}
        chosen = [key for keyed in files.values() for key in keyed if reused is None or key in reused]
        return cls(job, files=files, reused=chosen, queues=queues)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Return the input of the job, its defaults included, without its files and secrets."""
        given = {**self.job.defaults, **(self.job.input or {})} if self.job else {}
        hidden = {*self.files, *(self.job.secrets if self.job else ())}
        return {name: value for name, value in given.items() if name not in hidden}

    def offer_columns(
        self, fields: Sequence[FormField], spec: TaskSpec, columns_of: Callable[[Job, Artifact], list[str]]
    ) -> list[FormField]:
        """Return the fields; each that takes a column of a reused file offers its columns.

        static/columns.js offers those of a chosen file.
        """
        columns = {
            name: columns_of(self.job, file)
            for name, of in spec.column_parameters.items()
            for key, file in self.files.get(of, {}).items()
            if self.job and key in self.reused
        }
        return [_offering(field, columns.get(field.name, ())) for field in fields]

    @property
    def options(self) -> dict[str, list[str]]:
        """Return queue and tags of the job as texts of the form. A queue that no longer exists is left out."""
        if not self.job:
            return {}
        queue = {"-queue": [self.job.queue]} if self.job.queue in self.queues else {}
        return {"-tag": [" ".join(self.job.tags)], **queue}


def _offering(field: FormField, texts: Sequence[str]) -> FormField:
    offered = {text: text for text in texts if text}
    return replace(field, options=offered) if offered and field.control == "text" else field


def _keyed(name: str, files: Sequence[Artifact], is_list: bool) -> Iterator[tuple[str, Artifact]]:
    for place, file in enumerate(files if is_list else files[:1]):
        yield f"{name}/{place}" if is_list else name, file
