"""The state of a child that several of its parts share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ChildState:
    is_stopping: bool = False  # SIGTERM has come
    needs_recycle: bool = False  # the next job needs a new process
    has_result: bool = False  # Redis may not know yet how the last job has ended

    @property
    def takes_jobs(self) -> bool:
        return not (self.is_stopping or self.needs_recycle)

    def may_give_up(self) -> bool:
        """Return True if this process can end while Redis is away, and loses nothing by it."""
        return self.is_stopping and not self.has_result
