"""Read what a job calls. Only JSON is read: a pickle, say, is never loaded."""

from __future__ import annotations

import re
import zlib
from typing import Any, NamedTuple

from pydantic_core import from_json

from taskdesk.jobs.job_hash import NAMELESS
from taskdesk.jobs.unpacking import TooLarge, unpack
from taskdesk.service.errors import AppError

_REFERENCE = re.compile(r"[\w.]{1,200}")


class TaskRefused(AppError):
    """Damaged job: nothing tells what it calls."""


class ForeignJob(TaskRefused):
    """No worker: the job calls a task that this worker does not serve, or its data is of another serializer.

    `reference`: what it calls; NAMELESS if it can't be read.
    """

    def __init__(self, reference: str, sentence: str):
        self.reference = reference
        super().__init__(sentence)

    @classmethod
    def not_served(cls, reference: str) -> ForeignJob:
        known = reference if _REFERENCE.fullmatch(reference) else NAMELESS
        return cls(known, f"No worker here serves {reference[:200]}.")


class JobData(NamedTuple):
    """A call as RQ writes it. `instance`: the object whose method is called; a task is none, so this is None."""

    reference: str
    instance: Any
    positional: list[Any]
    named: dict[str, Any]


def read_job_data(data: bytes | None) -> JobData:
    """Return the call.

    Raises ForeignJob if the data is no JSON, and TaskRefused if no worker could read it.
    """
    if not data:
        raise TaskRefused("The job is damaged: it has no data, which would say what it calls.")
    try:
        call = from_json(unpack(data) if data[:1] == b"x" else data)
    except TooLarge as error:
        raise TaskRefused(f"The job's data can't be unpacked: {error}.") from None
    except (ValueError, zlib.error):
        raise ForeignJob(NAMELESS, "No worker here can read the job's data, which is no JSON.") from None
    try:
        reference, instance, positional, named = call
        return JobData(str(reference), instance, list(positional), dict(named))
    except (ValueError, TypeError):
        raise TaskRefused("The job is damaged: its data is JSON, but no call of a task.") from None


def reference_of(data: bytes | None) -> str:
    """Return the name of the task that a job calls; empty if its data can't be read."""
    try:
        return read_job_data(data).reference
    except TaskRefused:
        return ""
