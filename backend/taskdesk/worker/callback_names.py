"""The callbacks that a job of plain RQ names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rq.defaults import CALLBACK_TIMEOUT

NOT_RUN = "{kind} was not run: {why}\n"  # a line of the job's log


class CallbackNames(NamedTuple):
    """The paths of the callbacks, empty where there is none, and the seconds that each may run."""

    success: str
    success_timeout: int
    failure: str
    failure_timeout: int

    @property
    def seconds(self) -> int:
        """The seconds that one of them may take at the end of the job."""
        return max(self.success_timeout if self.success else 0, self.failure_timeout if self.failure else 0)

    @classmethod
    def of(cls, fields: Sequence[bytes | None]) -> CallbackNames | None:
        """Return the callbacks of these fields, which cycle.lua has read; None if there are none."""
        if not any(fields[::2]):
            return None
        success, success_timeout, failure, failure_timeout = (
            (value or b"").decode(errors="replace") for value in fields
        )
        return cls(success, seconds_of(success_timeout), failure, seconds_of(failure_timeout))


def seconds_of(text: str) -> int:
    """Return the seconds that a callback may run. RQ writes whole numbers."""
    return int(text) if text.isascii() and text.isdigit() and int(text) else CALLBACK_TIMEOUT
