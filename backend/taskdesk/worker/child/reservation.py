"""A job in the hands of the worker's child: as it was reserved, and how it has ended."""

from __future__ import annotations

from typing import Any, NamedTuple

from taskdesk.service.errors import AppError
from taskdesk.service.logs import job_fields
from taskdesk.worker.failure import Failure
from taskdesk.worker.job_data import reference_of
from taskdesk.worker.settings import WorkerSettings


class ReservedJob(NamedTuple):
    """A job that this worker holds. `timeout` in seconds, below 1 for none."""

    id: str
    execution: str
    queue: str
    data: bytes | None
    timeout: int
    result_ttl: int
    is_plain: bool  # no repetition, no dependencies, a result to keep: what the script can end
    enqueued_at: bytes | None
    request_id: str

    @property
    def about(self) -> dict[str, str]:
        """What a line of the log says it is about."""
        return job_fields(self.id, self.request_id)

    def is_of(self, references: set[str]) -> bool:
        """Whether its task is one of these."""
        return bool(references) and reference_of(self.data) in references


class EndedJob(NamedTuple):
    """How a job has ended, before Redis knows. `content` and `kinds` are JSON; the times are Unix time."""

    job: ReservedJob
    began: float
    ended: float
    seconds: float
    content: bytes
    kinds: str
    failure: Failure | None
    refusal: AppError | None  # why it did not begin, if another worker may run it; then it has a failure, too


def reserved(answer: Any, settings: WorkerSettings) -> ReservedJob:
    """The job of what cycle.lua has answered."""
    _, _, job_id, execution, queue, fields = answer
    data, timeout, result_ttl, _, repeats_left, dependency_ids, _, _, _, enqueued_at, request_id = fields
    ttl = _number(result_ttl, settings.result_ttl)
    return ReservedJob(
        id=job_id.decode(),
        execution=execution.decode(),
        queue=queue.decode(),
        data=data,
        timeout=_number(timeout, settings.job_timeout),
        result_ttl=ttl,
        is_plain=ttl != 0 and not dependency_ids and repeats_left in (None, b"", b"0"),
        enqueued_at=enqueued_at,
        request_id=(request_id or b"").decode(errors="replace"),
    )


def _number(text: bytes | None, default: int) -> int:
    """A whole number of a job's hash, which others may write, too."""
    if not text:
        return default
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return default
