"""Errors about jobs that a user may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from taskdesk.service.errors import AppError, NoRoom

MAX_ERRORS = 50  # wrong fields that one answer names
_LONGEST_TEXT = 1000  # characters


class TaskNotFound(AppError):
    """Unknown task: no worker announced one of this name."""

    status = 404

    def __init__(self, name: str):
        super().__init__(f"No worker has announced a task named {name!r}.")


class JobNotFound(AppError):
    """Unknown job: it never existed, or it was deleted."""

    status = 404

    def __init__(self, job_id: str):
        super().__init__(f"No job {job_id!r}.")


class CauseNotFound(AppError):
    """Unknown cause: no failure has it, or it was not seen for so long that it was forgotten."""

    status = 404

    def __init__(self, cause_id: str):
        super().__init__(f"No failure has the cause {cause_id!r}.")


class AlreadyRetried(AppError):
    """Already retried: another job repeats this one, and an action on many jobs retries each once."""

    status = 409

    def __init__(self, job_id: str, retried_as: str):
        super().__init__(f"Job {job_id} was retried already, as job {retried_as}.")


class UnreadableJob(AppError):
    """Unreadable job: its key in Redis holds no hash."""

    status = 409

    def __init__(self, job_id: str):
        super().__init__(f"Job {job_id} is unreadable: its key in Redis holds no hash. It can only be deleted.")


class DeliveryNotFound(AppError):
    """Unknown delivery: the job never had it, or it was removed a week after its end."""

    status = 404

    def __init__(self, delivery_id: str):
        super().__init__(f"No delivery {delivery_id!r} of this job.")


class ReceiverOff(AppError):
    """Address switched off: its receiver answered 410."""

    status = 409

    def __init__(self, url: str):
        super().__init__(f"{url} is switched off, because its receiver answered 410 (Gone). Switch it on first.")


class JobExpired(AppError):
    """Expired job: it ended, was kept for its time, and was removed."""

    status = 410

    def __init__(self, job_id: str):
        super().__init__(f"Job {job_id} has expired: its result is no longer kept.")


class ResultGone(AppError):
    """Result gone: the job has succeeded, but Redis no longer has what it returned."""

    status = 410

    def __init__(self, job_id: str):
        super().__init__(f"The result of job {job_id} is gone from Redis. Run the job again.")


class UnreadableResult(AppError):
    """Unreadable result: what Redis has of it is damaged, or no JSON."""

    status = 410

    def __init__(self, job_id: str):
        super().__init__(
            f"The result of job {job_id} is unreadable in Redis: it is damaged, or no JSON. Run the job again."
        )


class NoResult(AppError):
    """No result: the job has not succeeded (yet)."""

    status = 409

    def __init__(self, job_id: str, status: str):
        super().__init__(f"Job {job_id} has no result: it is {status}.")


class NotEnded(AppError):
    """Not ended: this is allowed when the job has ended."""

    status = 409

    def __init__(self, job_id: str, status: str):
        super().__init__(f"Job {job_id} has not ended: it is {status}.")


class JobRunning(AppError):
    """Job is running: it can't be deleted."""

    status = 409

    def __init__(self, job_id: str):
        super().__init__(f"Job {job_id} is running. Cancel it first.")


class CountDiffers(AppError):
    """Count differs: another number of jobs match than the client expects."""

    status = 409

    def __init__(self, expected: int, count: int):
        self.count = count
        super().__init__(f"{count:,} jobs match, not {expected:,}. Nothing was done.")


class QueueNotFound(AppError):
    """Unknown queue: the settings name no such queue."""

    status = 404

    def __init__(self, name: str, names: Sequence[str]):
        super().__init__(f"There is no queue {name!r}. QUEUES names: {', '.join(names)}.")


class IdempotencyKeyReused(AppError):
    """Idempotency key reused: an earlier request with this key was a different one."""

    status = 422

    def __init__(self, key: str):
        super().__init__(
            f"The Idempotency-Key {key!r} belongs to an earlier, different request. Use a new key for each request."
        )


class IdempotentJobGone(AppError):
    """Job is gone: an earlier request with this Idempotency-Key made it, and it was deleted or has expired."""

    status = 409

    def __init__(self, key: str, job_id: str):
        super().__init__(
            f"The Idempotency-Key {key!r} belongs to job {job_id}, which is gone. Use a new key to run it again."
        )


class UnreadableInput(AppError):
    """Unreadable input: the job can't be run again."""

    status = 409

    def __init__(self, job_id: str, fault: str):
        super().__init__(f"Job {job_id} can't be run again here. {fault} Use the program that has enqueued it.")


class NoTask(AppError):
    """No task: the job can't be run again."""

    status = 409

    def __init__(self, job_id: str, function: str):
        super().__init__(
            f"Job {job_id} can't be run again here: {function} is no task of a worker that is online. Use the program "
            "that has enqueued it."
        )


class ArtifactNotFound(AppError):
    """Unknown artifact: the job has no file of this name."""

    status = 404

    def __init__(self, job_id: str, name: str):
        super().__init__(f"Job {job_id} has no artifact {name!r}.")


class ArtifactGone(AppError):
    """Artifact gone: the job has it, but the store of the files does not."""

    status = 410

    def __init__(self, job_id: str, filename: str):
        super().__init__(f"The file {filename!r} of job {job_id} is gone from the store of the files (ARTIFACTS).")


class NotJson(AppError):
    """Not JSON: the text can't be read."""

    status = 400


@dataclass(frozen=True)
class FieldError:
    """A wrong field: `pointer` is a JSON Pointer (RFC 6901) into the arguments."""

    pointer: str
    detail: str


class InvalidArguments(AppError):
    """Invalid arguments: the task does not accept them."""

    status = 422

    def __init__(self, errors: Iterable[FieldError]):
        """Keep MAX_ERRORS errors and cut each text: the client decides how much is wrong."""
        self.errors = [FieldError(_cut(error.pointer), _cut(error.detail)) for error in islice(errors, MAX_ERRORS)]
        super().__init__(
            "; ".join(f"{error.pointer.lstrip('/') or 'the arguments'}: {error.detail}" for error in self.errors)
        )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


class QueueFull(NoRoom):
    """Queue full: MAX_QUEUED jobs wait in it."""

    status = 429

    def __init__(self, queue: str, waiting: int, most: int):
        super().__init__(
            f"The queue {queue} is full: {waiting:,} jobs wait in it, and {most:,} may (MAX_QUEUED). "
            "No job was added. Try again later, or choose another queue."
        )


class OwnerFull(NoRoom):
    """Share used up: the jobs of this user fill the share of Redis's memory that one user may have."""

    status = 429

    def __init__(self, owner: str, held: int, most: int):
        super().__init__(
            f"The jobs of {owner} take {held / 1e6:,.1f} MB of Redis's memory. One user may take {most / 1e6:,.1f} MB "
            f"now, and these jobs would go over it. No job was added. Delete jobs that you no longer need "
            f"(/jobs?owner={owner}), or try again when some have expired."
        )


class DiskFull(NoRoom):
    """Disk full: the rest of it stays free."""

    def __init__(self, size: int, free: int, reserve: int):
        super().__init__(
            f"There is no room for {size:,} more bytes: the disk of DATA_DIR has {free / 1e6:,.1f} MB left, and "
            f"{reserve / 1e6:,.1f} MB stay free. Try again later. An operator makes room by deleting jobs."
        )


class StoreUnavailable(NoRoom):
    """Store unavailable: the store of the files does not do what it is asked."""


class TooManyStreams(AppError):
    """Too many event streams: this process or this client has too many of them open."""

    status = 503


class UnstorableResult(AppError):
    """Unstorable result: the task returned something that is no JSON, table, picture or file."""

    def __init__(self, detail: str, files: Sequence[dict[str, Any]] = ()):
        """`files`: those of the result that are kept all the same, as JSON objects of artifacts."""
        names = ", ".join(repr(file["filename"]) for file in files[:3]) + (", …" if len(files) > 3 else "")
        super().__init__(f"{detail} Its files are kept: {names}." if files else detail)
        self.reason = detail
        self.files = list(files)
