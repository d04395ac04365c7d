"""Errors that a user may see: each is a sentence, and knows the HTTP status it should become."""

from __future__ import annotations

from dataclasses import dataclass


class AppError(Exception):
    """Something that a user did or can mend."""

    status = 500

    @property
    def title(self) -> str:
        """The kind of error in words, the same for every occurrence."""
        return (type(self).__doc__ or "").split(":")[0].rstrip(".")


class SettingsError(AppError):
    """Settings are wrong: a process can't start with them."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("The settings are wrong:\n" + "\n".join(f"  - {problem}" for problem in problems))


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


class JobExpired(AppError):
    """Expired job: it ended, was kept for its time, and was removed."""

    status = 410

    def __init__(self, job_id: str):
        super().__init__(f"Job {job_id} has expired: its result is no longer kept.")


class NoResult(AppError):
    """No result: the job has not succeeded (yet)."""

    status = 409

    def __init__(self, job_id: str, status: str):
        super().__init__(f"Job {job_id} has no result: it is {status}.")


class ArtifactNotFound(AppError):
    """Unknown artifact: the job has no file of this name."""

    status = 404

    def __init__(self, job_id: str, name: str):
        super().__init__(f"Job {job_id} has no artifact {name!r}.")


@dataclass(frozen=True)
class FieldError:
    """One wrong field: `pointer` is a JSON Pointer (RFC 6901) into the arguments."""

    pointer: str
    detail: str


class InvalidArguments(AppError):
    """Invalid arguments: the task does not take these."""

    status = 422

    def __init__(self, errors: list[FieldError]):
        self.errors = errors
        super().__init__(
            "; ".join(f"{error.pointer.lstrip('/') or 'the arguments'}: {error.detail}" for error in errors)
        )


class RedisAway(AppError):
    """Queue unavailable: Redis does not answer."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The queue can't be reached at the moment. Please try again shortly.")


class TooManyStreams(AppError):
    """Too many event streams: the process, or this client, has as many open as it may."""

    status = 503


class UnstorableResult(AppError):
    """Unstorable result: the task returned what can't be kept as JSON, a table, a picture or a file."""
