"""The supervisor's signals: they set a flag, and wake up a select."""

from __future__ import annotations

import os
import signal
from typing import Any


class StopSignals:
    """`is_set`: the worker has to stop. SIGTERM and SIGINT set it within the block.

    `is_hurried`: somebody waits for that, at a terminal or after an edit: SIGINT has come.
    """

    def __init__(self) -> None:
        self.is_set = self.is_hurried = False

    def __enter__(self) -> int:
        """Return a descriptor that can be read when a signal has come, including SIGCHLD."""
        self._ends = os.pipe()
        for end in self._ends:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._ends[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        return self._ends[0]

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        for end in self._ends:
            os.close(end)

    def _set(self, signum: int, frame: Any) -> None:
        self.is_set = True
        self.is_hurried = self.is_hurried or signum == signal.SIGINT
