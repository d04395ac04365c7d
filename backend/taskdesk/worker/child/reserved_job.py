"""A job that this worker holds, and how it has ended."""

from __future__ import annotations

from typing import NamedTuple

from taskdesk.service.errors import AppError
from taskdesk.service.logs import job_fields
from taskdesk.worker.callback_names import CallbackNames
from taskdesk.worker.failure import Failure
from taskdesk.worker.job_data import reference_of


class ReservedJob(NamedTuple):
    """A job that this worker holds. `timeout` in seconds, below 1 for none."""

    id: str
    execution: str
    queue: str
    data: bytes | None
    timeout: int
    result_ttl: int
    is_plain: bool  # no repetition, dependencies or limit of RQ's, and a result to keep: the script can end it
    enqueued_at: bytes | None
    request_id: str
    callbacks: CallbackNames | None = None

    @property
    def seconds(self) -> int:
        """The seconds that the job may take with its callbacks, below 1 for any number."""
        return self.timeout + self.callbacks.seconds if self.callbacks and self.timeout > 0 else self.timeout

    @property
    def log_fields(self) -> dict[str, str]:
        """The fields by which a line of the log names the job."""
        return job_fields(self.id, self.request_id)

    def is_of(self, references: set[str]) -> bool:
        """Return True if the job's task is one of these."""
        return bool(references) and reference_of(self.data) in references


class EndedJob(NamedTuple):
    """A job that has ended, before Redis knows. `content`, `kinds`, `preview`: as in `Written`; times in Unix time."""

    job: ReservedJob
    reference: str  # of its task; empty if nobody can tell
    began: float
    ended: float
    seconds: float
    content: bytes = b""
    kinds: str = ""
    preview: bytes = b""
    failure: Failure | None = None
    refusal: AppError | None = None  # why it did not begin, if another worker may run it; then it also has a failure
