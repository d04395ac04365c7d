"""Why a job failed, as its page shows it and as RQ keeps it."""

from __future__ import annotations

import base64
import json
import traceback
import zlib
from dataclasses import dataclass

from rq.timeouts import JobTimeoutException

from taskdesk.jobs.job_hash import LOST
from taskdesk.service.errors import AppError


@dataclass(frozen=True)
class Failure:
    """An error in one sentence, and the traceback behind it."""

    type: str
    title: str
    detail: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException, timeout: int) -> Failure:
        text = "".join(traceback.format_exception(error))
        if isinstance(error, JobTimeoutException):
            return cls.timed_out(timeout, text)
        if isinstance(error, SystemExit):
            return cls("SystemExit", "SystemExit", f"The task called sys.exit({error.code!r}).", text)
        name = type(error).__name__
        title = error.title if isinstance(error, AppError) else name
        return cls(name, title, _sentence(error) or name, text)

    @classmethod
    def timed_out(cls, timeout: float, text: str) -> Failure:
        return cls("Timeout", "Time limit", f"The job ran longer than its limit of {timeout:g} s.", text)

    @classmethod
    def lost(cls, detail: str = LOST["detail"]) -> Failure:
        return cls(LOST["type"], LOST["title"], detail, detail)

    @classmethod
    def worker_stopped(cls) -> Failure:
        detail = "The worker was stopped while the job ran, which is to run at most once."
        return cls("WorkerStopped", "Worker stopped", detail, detail)

    @classmethod
    def not_served(cls, reason: str, seconds: int) -> Failure:
        detail = f"No worker could run the job within {seconds:,} s (FOREIGN_TTL). {reason}"
        return cls("NotServed", "No worker", detail, detail)

    @property
    def was_cut_off(self) -> bool:
        """Whether a limit has ended it, wherever it was."""
        return self.type in ("Timeout", "OverLimit")

    @property
    def error(self) -> str:
        """As JSON: our field in the job's hash."""
        return json.dumps({"type": self.type, "title": self.title, "detail": self.detail})

    @property
    def packed_traceback(self) -> bytes:
        """As RQ's Result keeps it."""
        return base64.b64encode(zlib.compress(_storable(self.traceback).encode()))


STOPPED = Failure("Stopped", "Stopped", "The job was stopped.", "Job stopped by user, work-horse terminated.")


def _sentence(error: BaseException) -> str:
    try:
        return _storable(str(error))[:10_000]
    except Exception:  # its own __str__ is broken
        return ""


def _storable(text: str) -> str:
    """The text without what UTF-8 can't hold (half of a surrogate pair)."""
    return text.encode("utf-8", "replace").decode()
