"""The process that the supervisor has forked, made the jobs' own: its group, its signals, how it ends."""

from __future__ import annotations

import gc
import os
import random
import signal
from typing import Any

from taskdesk.service.pool import die_with_parent
from taskdesk.worker.child.resource_limits import TimeLimit
from taskdesk.worker.child.state import ChildState


class JobSignals:
    """The signal handlers of the process that runs jobs. A job may change them, so they are installed again."""

    def __init__(self, state: ChildState, time_limit: TimeLimit, wakeup: int):
        """`wakeup`: the descriptor that is written to when a signal has come."""
        self._state = state
        self._time_limit = time_limit
        self._wakeup = wakeup

    def install(self) -> None:
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._time_limit.install()

    def _stop(self, signum: int, frame: Any) -> None:
        self._state.is_stopping = True


def lead_own_group(supervisor: int) -> None:
    """Give this process a group of its own, for what jobs start, and have the kernel end it with its supervisor."""
    os.setpgid(0, 0)
    die_with_parent(supervisor, signal.SIGKILL)
    os.register_at_fork(after_in_child=_leave_signals)
    random.seed()


def accept_signals() -> None:
    """From here on SIGTERM is for this process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    gc.freeze()  # what the supervisor has loaded is shared: a collection would copy it


def _leave_signals() -> None:
    """In a process that a job forks: it ends as any other when it is told to."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
