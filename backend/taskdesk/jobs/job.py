"""A job at one moment, as pages, API and command line show it. job_hash.py reads it from Redis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from taskdesk.jobs.artifacts import Artifact, artifact_of, artifacts_of
from taskdesk.jobs.checkpoints import Place
from taskdesk.jobs.events import Progress
from taskdesk.jobs.status import FINAL, Status

MASK = "**********"  # what pydantic shows of a secret


@dataclass(frozen=True)
class Retention:
    """The seconds that a job is kept after its end."""

    result_ttl: int
    failure_ttl: int


@dataclass(frozen=True)
class Attempt:
    """An attempt that was followed by another. `error` as that of a job; `worker` is empty if unknown."""

    started_at: datetime | None
    ended_at: datetime | None
    worker: str
    error: dict[str, Any]


class ResultStamp(NamedTuple):
    """A large result, which has a preview: the bytes of its JSON, and their CRC-32."""

    size: int
    checksum: int


@dataclass(frozen=True)
class Wait:
    """Why a job waits. `reference`: the task that no worker served when it was handed back; empty for other reasons."""

    reason: str
    reference: str = ""


def masked(values: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """Return the arguments of a job with MASK for each secret that is not null."""
    return {name: MASK if name in secrets and value is not None else value for name, value in values.items()}


@dataclass(frozen=True)
class Job:
    """A job at one moment.

    `input` is None in a list, and where its data can't be read, with the reason in `input_fault`; `summary` is the
    beginning of its input.
    `scheduled_at`: when a scheduled job, or the next attempt of a failed one, is queued.
    `wait`: set while the job waits for other jobs, for a slot of its limit, or for a worker that can run it.
    `file_parameters`: those whose values in `input` are uploaded files, as the task said when the job was submitted.
    `resumed`: set if the last attempt goes on where one before it has stopped.
    `call`: positional and named arguments, of a job of plain RQ that has positional ones; `Desk.job` names them.
    `is_plain`: RQ's own code submitted it, and we may have seen it later.
    `defaults`: the values of the parameters that `input` leaves out, as the task had them when the job was submitted.
    `secrets`: parameters whose values are shown nowhere, such as a SecretStr.
    `owner`: the user who submitted it; empty without logins. `request_id`: the request that submitted it, or empty.
    `is_unreadable`: its key in Redis holds no hash, so it can only be deleted.
    `retried_as`: the last job that repeats it. `cause`: the id of the cause of its failure (cause.py).
    `result_stamp`: set for a large result, unless a worker that makes no previews has replaced it.
    `webhook`: the URL that hears of its end, or empty.
    A list has no `worker` (of the last attempt), no `attempts` (up to ten before the last), no `resumed`, no `webhook`,
    no `defaults` and no `file_parameters`.
    """

    id: str
    task: str
    status: Status
    queue: str
    summary: str
    input: dict[str, Any] | None
    progress: Progress | None
    result_kinds: Any
    error: dict[str, Any] | None
    tags: tuple[str, ...]
    attempt: int
    retry_of: str | None
    is_kept: bool
    created_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    scheduled_at: datetime | None = None
    worker: str = ""
    attempts: tuple[Attempt, ...] = ()
    resumed: Place | None = None
    owner: str = ""
    request_id: str = ""
    wait: Wait | None = None
    file_parameters: tuple[str, ...] | None = None
    is_plain: bool = False
    input_fault: str = ""
    call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    result_stamp: ResultStamp | None = None
    secrets: frozenset[str] = frozenset()
    defaults: dict[str, Any] = field(default_factory=dict)
    is_unreadable: bool = False
    retried_as: str | None = None
    cause: str = ""
    webhook: str = ""

    @property
    def kept_files(self) -> list[Artifact]:
        """The files of a result that could not be kept as a whole."""
        files = self.error.get("files") if isinstance(self.error, dict) else None
        return [file for file in map(artifact_of, files if isinstance(files, list) else ()) if file]

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def uploads(self) -> dict[str, list[Artifact]]:
        """The files that were submitted with the job, by parameter."""
        uploads = {name: artifacts_of((self.input or {}).get(name)) for name in self.file_parameters or ()}
        return {name: files for name, files in uploads.items() if files}
