"""Keep N processes of one kind running: one that dies is replaced; a signal to stop reaches all of them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

log = logging.getLogger("processes")

_STOP = {signal.SIGTERM, signal.SIGINT}
_WATCHED = _STOP | {signal.SIGCHLD}


class Pool:
    """Forks `size` processes that run `work`, and replaces any that ends, at most one a second each.

    `name` says in the log what they are.
    """

    def __init__(self, name: str, size: int, work: Callable[[], None]):
        self._name = name
        self._size = size
        self._work = work
        self._started: dict[int, float] = {}

    def run(self) -> int:
        """Return the exit status when all processes have ended after SIGTERM or SIGINT."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        for _ in range(self._size):
            self._start()
        stopping = False
        while self._started:
            received = signal.sigtimedwait(_WATCHED, 1.0)
            if received and received.si_signo in _STOP:
                stopping = True
                for pid in self._started:
                    os.kill(pid, signal.SIGTERM)
            for pid, status in self._ended():
                lived = time.monotonic() - self._started.pop(pid)
                if not stopping:
                    log.error("%s %s ended (%s); starting another", self._name, pid, _reason(status))
                    time.sleep(max(0.0, 1.0 - lived))
                    self._start()
        return 0

    def _start(self) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._started[pid] = time.monotonic()
            return
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            self._work()
            status = 0
        except Exception:
            log.exception("%s failed", self._name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _ended(self) -> list[tuple[int, int]]:
        ended = []
        for pid in list(self._started):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                ended.append((pid, status))
        return ended


def _reason(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"
