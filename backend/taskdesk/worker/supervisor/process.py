"""The process of the worker's child, for its supervisor: hold, stop, kill. Its template makes it (template.py)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from taskdesk.worker.supervisor.shared_memory import remove_shared_memory


class ChildProcess:
    """`pid` is 0 while there is none. `deadline`: when it has to have ended, once it was told to stop (monotonic)."""

    def __init__(self) -> None:
        self.pid = 0
        self._began = 0.0
        self.deadline: float | None = None
        self._told_at = 0.0

    @property
    def is_overdue(self) -> bool:
        """Return True if it was told to stop and has had its time for that; also after it has ended."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def take(self, pid: int, began: float) -> None:
        """Hold this process from now on. `began`: when it, or its template, was started (Unix time)."""
        self.pid, self._began = pid, began

    def poll(self) -> int | None:
        """Return its exit status, as `os.waitstatus_to_exitcode` gives it, once; None while it lives.

        None of the processes that it has started is left then.
        """
        if not os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what jobs have started and left; once reaped, its id may be another's
        remove_shared_memory(self.pid, self._began)
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def stop(self, seconds: float) -> None:
        """Tell it to stop within so many seconds. Called again, change the seconds."""
        if self.deadline is None:
            self._told_at = time.monotonic()
            os.kill(self.pid, signal.SIGTERM)
        self.deadline = self._told_at + seconds

    def kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # it has no group of its own yet
            os.kill(self.pid, signal.SIGKILL)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Stop it while the block runs. False if it goes on: it waits for a disk that hangs."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield self._is_held()
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _is_held(self) -> bool:
        for _ in range(100):
            if os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG):
                return True
            time.sleep(0.002)
        return False


def has_ended(pid: int) -> os.waitid_result | None:
    """Return how a child of this process has ended; None while it lives. It is not reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def ends_now(pid: int) -> bool:
    """Return True if it ends within a second: its files are closed a moment before."""
    for _ in range(500):
        if has_ended(pid):
            return True
        time.sleep(0.002)
    return False
