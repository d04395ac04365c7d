"""Why a job failed, as its page shows it and as RQ keeps it."""

from __future__ import annotations

import base64
import json
import traceback
import zlib
from bdb import BdbQuit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rq.timeouts import JobTimeoutException

from taskdesk.jobs import losses
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.losses import TIME_LIMIT, Loss, log_text
from taskdesk.jobs.retries import RetryLater
from taskdesk.service.errors import AppError
from taskdesk.worker.asked_retry import TYPE, RetryAsked
from taskdesk.worker.own_code import innermost

MAX_TYPE, MAX_DETAIL, MAX_TRACEBACK = 200, 10_000, 64 * 1024  # characters; of a longer text the middle is left out
MAX_FILES = 100  # of a refused result, that the job's error names


class OverLimit(AppError):
    """Over a limit: the job used more than it may."""


@dataclass(frozen=True)
class Failure:
    """An error in one sentence, and the traceback behind it. `files`: those of a refused result that are kept.

    `asked_retry`: the Retry that the task returned, as JSON (asked_retry.py); empty if it returned none.
    `retry_in`: the seconds of the RetryLater that it raised. `is_final`: its task is not tried again after this error.
    `frame`, `line`: the innermost place in the author's own code (own_code.py); empty if there is none.
    `was_cut_off`: a limit has interrupted the task, at whatever line it was. A library may also have a `Timeout`.
    """

    type: str
    title: str
    detail: str
    traceback: str
    files: tuple[dict[str, Any], ...] = ()
    asked_retry: str = ""
    retry_in: float | None = None
    is_final: bool = False
    was_cut_off: bool = False
    frame: str = ""
    line: int = 0

    @classmethod
    def of(cls, error: BaseException, timeout: int, packages: Sequence[str] = ()) -> Failure:
        """`packages`: those of the tasks, whose code is the author's own."""
        text = _text_of(lambda: "".join(traceback.format_exception(error)), MAX_TRACEBACK)
        if isinstance(error, JobTimeoutException):
            return replace(cls.of_loss(TIME_LIMIT(seconds=timeout), text), was_cut_off=True)
        name = _cut(type(error).__name__, MAX_TYPE)
        title = error.title if isinstance(error, AppError) else name
        files = tuple(error.files[:MAX_FILES]) if isinstance(error, UnstorableResult) else ()
        detail = _text_of(lambda: _sentence(error), MAX_DETAIL) or name
        failure = cls(name, title, detail, text, files, was_cut_off=isinstance(error, OverLimit))
        if isinstance(error, OverLimit | UnstorableResult):  # the same cause wherever the task was
            return failure
        frame, line = innermost(error, packages)
        return replace(failure, frame=frame, line=line)

    @classmethod
    def of_loss(cls, loss: Loss, text: str = "") -> Failure:
        """`text`: the traceback, if there is one."""
        return cls(loss.type, loss.title, loss.sentence, text or loss.sentence)

    @classmethod
    def of_retry(cls, asked: RetryAsked) -> Failure:
        return cls(TYPE, "Another attempt", str(asked)[:MAX_DETAIL], "", asked_retry=asked.retry)

    @classmethod
    def of_later(cls, later: RetryLater) -> Failure:
        text = _text_of(lambda: "".join(traceback.format_exception(later)), MAX_TRACEBACK)
        return cls("RetryLater", "Another attempt", str(later), text, retry_in=later.seconds)

    @property
    def error(self) -> str:
        """The field `td_error` of the job's hash."""
        return json.dumps(self._error)

    @property
    def log_text(self) -> str:
        return log_text(self._error)

    @property
    def _error(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"type": self.type, "title": self.title, "detail": self.detail}
        if self.frame:
            shown |= {"frame": self.frame, "line": self.line}
        return {**shown, "files": list(self.files)} if self.files else shown

    @property
    def packed_traceback(self) -> bytes:
        """The traceback as RQ's Result stores it."""
        if not self.traceback:
            return b""
        return base64.b64encode(zlib.compress(_storable(self.traceback).encode()))


STOPPED = Failure.of_loss(losses.STOPPED, "Job stopped by user, work-horse terminated.")  # the text of RQ


def _sentence(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The task called sys.exit({error.code!r})."
    if isinstance(error, BdbQuit):
        return "The task started a debugger, but nobody can answer a job: remove breakpoint(), or use a shell."
    if isinstance(error, EOFError) and str(error) == "EOF when reading a line":
        return "The task called input(), but nobody can answer a job: make what it asks for a parameter of the task."
    return str(error)


def _text_of(make: Callable[[], str], limit: int) -> str:
    try:
        return _cut(_storable(make()), limit)
    except BaseException:  # the error's own __str__ or __repr__ is broken
        return ""


def _cut(text: str, limit: int) -> str:
    """Return the text with the middle left out, if it is too long, and say so."""
    surplus = len(text) - limit
    return text if surplus <= 0 else f"{text[: limit // 2]}\n… {surplus:,} characters left out …\n{text[-limit // 2 :]}"


def _storable(text: str) -> str:
    """Return the text with a question mark for what UTF-8 can't hold: half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
