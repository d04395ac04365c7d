"""Keep N processes of one kind running: one that dies is replaced; a signal to stop reaches all of them."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from taskdesk.service.sentry import flush_reports, report

log = logging.getLogger("processes")

_EARLY_FAILURE_SECONDS = 10.0  # a process that fails within this time counts as unable to start
_MAX_EARLY_FAILURES = 5  # in a row, for each process of the pool
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STOP = {signal.SIGTERM, signal.SIGINT}
_WATCHED = _STOP | {signal.SIGCHLD}


class Pool:
    """Forks `size` processes that run `work`, and replaces any that ends, at most one a second each.

    `work` gets its number, from 0; a process has that of the one which it replaces.

    It gives up when they fail again and again as soon as they have begun. `name` says in the log what they are;
    `before_stop` is called before they are stopped.
    """

    def __init__(
        self, name: str, size: int, work: Callable[[int], None], before_stop: Callable[[], None] = lambda: None
    ):
        self._name = name
        self._size = size
        self._work = work
        self._before_stop = before_stop
        self._started: dict[int, tuple[int, float]] = {}  # by pid: its number, and when

    def run(self) -> int:
        """Return the exit status when all processes have ended: 0 after SIGTERM or SIGINT, 1 if they can't go on."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        for number in range(self._size):
            self._start(number)
        stopping = gives_up = False
        failures = 0
        while self._started:
            received = signal.sigtimedwait(_WATCHED, 1.0)
            if received and received.si_signo in _STOP:
                stopping = True
                self._stop()
            for pid, status in self._ended():
                number, began = self._started.pop(pid)
                lived = time.monotonic() - began
                if stopping:
                    continue
                if os.WIFEXITED(status):  # not if somebody has killed it
                    failures = failures + 1 if lived < _EARLY_FAILURE_SECONDS else 0
                if failures >= _MAX_EARLY_FAILURES * self._size:
                    log.critical("%s %s ended (%s), as those before it: giving up", self._name, pid, _reason(status))
                    stopping = gives_up = True
                    self._stop()
                else:
                    log.error("%s %s ended (%s); starting another", self._name, pid, _reason(status))
                    time.sleep(max(0.0, 1.0 - lived))
                    self._start(number)
        return int(gives_up)

    def _stop(self) -> None:
        self._before_stop()
        for pid in self._started:
            os.kill(pid, signal.SIGTERM)

    def _start(self, number: int) -> None:
        sys.stdout.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._started[pid] = number, time.monotonic()
            return

        def run() -> int:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            die_with_parent(parent, signal.SIGTERM)
            self._work(number)
            return 0

        run_and_exit(self._name, run)

    def _ended(self) -> Iterator[tuple[int, int]]:
        """One by one: the pid of what has been reaped is nobody's, and no longer to be signalled."""
        for pid in list(self._started):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                yield pid, status


def die_with_parent(parent: int, signum: int) -> None:
    """Have the kernel send this process `signum` when `parent` is gone (Linux has that)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:
        os._exit(1)


def _reason(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


def run_and_exit(name: str, run: Callable[[], int]) -> NoReturn:
    """End this forked process with the status that `run` returns, or 1 and a report if it raises."""
    status = 1
    try:
        status = run()
    except BaseException as error:
        log.exception("%s failed", name)
        report(error)
    finally:
        flush_reports()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
