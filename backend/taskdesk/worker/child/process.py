"""The process that the supervisor has forked, made the jobs' own: its group, its signals, its folders and output."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from typing import Any

from taskdesk.service.pool import die_with_parent
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.resource_limits import TimeLimit
from taskdesk.worker.child.sandbox import Sandbox
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.shared.memory import SharedMemory


class JobProcess:
    """`sandbox` is there once the process is prepared."""

    sandbox: Sandbox

    def __init__(
        self,
        shared: SharedMemory,
        state: ChildState,
        reporter: Reporter,
        time_limit: TimeLimit,
        *,
        folder: Path,
        as_log: bool,
        supervisor: int,
    ):
        """`folder`: for temporary files. `as_log`: see capture.py. `supervisor`: its pid."""
        self._shared = shared
        self._state = state
        self._reporter = reporter
        self._time_limit = time_limit
        self._folder = folder
        self._as_log = as_log
        self._supervisor = supervisor

    def prepare(self) -> int:
        """Make this process the jobs' own; return a descriptor that can be read when a signal has come."""
        os.setpgid(0, 0)
        die_with_parent(self._supervisor, signal.SIGKILL)
        os.register_at_fork(after_in_child=_leave_signals)
        show_life = self._shared.activity.show_life
        self.sandbox = Sandbox(self._folder, self._reporter, self._take_signals, show_life, as_log=self._as_log)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # from here on it is for this process
        gc.freeze()  # what the template has loaded is shared: a collection would copy it
        return self._shared.foreign.wakeup[0]

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._shared.foreign.wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._time_limit.install()

    def _stop(self, signum: int, frame: Any) -> None:
        self._state.is_stopping = True


def _leave_signals() -> None:
    """In a process that a job forks: it ends as any other when it is told to."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
