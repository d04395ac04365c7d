"""Keep N processes of one kind running: replace each that dies, and pass a signal to stop on to all of them."""

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
_MIN_RESTART_SECONDS = 1.0  # between the starts of a process and of its replacement
WRONG_SETTING = 2  # exit status, after a sentence for the user
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_STOP = {signal.SIGTERM, signal.SIGINT}
_WATCHED = _STOP | {signal.SIGCHLD}


class Pool:
    """Fork `size` processes that run `work`, and as many `helpers` as asked for, and replace each that ends.

    `name` says in the log what the processes are. `work` gets the number of its process, from 0, with the helpers at
    the end; a replacement keeps the number. `before_stop` is called before the processes are stopped. The pool gives up
    when processes keep failing right after their start, but not because helpers do.
    """

    def __init__(
        self,
        name: str,
        size: int,
        work: Callable[[int], None],
        before_stop: Callable[[], None] = lambda: None,
        helpers: int = 0,
    ):
        self._name = name
        self._size = size
        self._helpers = helpers
        self._work = work
        self._before_stop = before_stop
        self._started: dict[int, tuple[int, float]] = {}  # by pid: its number, and when it was started
        self._early_failures = 0
        self._is_stopping, self._exit_status = False, 0

    def run(self) -> int:
        """Return the exit status when all processes have ended: 0 after SIGTERM or SIGINT, 1 if the pool gave up.

        A process that ends with 2 has said that a setting is wrong: then the pool returns 2.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        for number in range(self._size + self._helpers):
            self._start(number)
        while self._started:
            received = signal.sigtimedwait(_WATCHED, 1.0)
            if received and received.si_signo in _STOP:
                self._stop(received.si_signo)
            for pid, status in self._reap():
                number, started_at = self._started.pop(pid)
                if not self._is_stopping:
                    self._replace(pid, status, number, time.monotonic() - started_at)
        return self._exit_status

    def _replace(self, pid: int, status: int, number: int, lived: float) -> None:
        if status == WRONG_SETTING << 8:
            self._exit_status = WRONG_SETTING
            return self._stop()
        if os.WIFEXITED(status) and number < self._size:  # a process that somebody has killed did not fail
            self._early_failures = self._early_failures + 1 if lived < _EARLY_FAILURE_SECONDS else 0
        if self._early_failures >= _MAX_EARLY_FAILURES * self._size:
            log.critical("%s %s ended (%s), as those before it: giving up", self._name, pid, _reason(status))
            self._exit_status = 1
            self._stop()
        else:
            log.error("%s %s ended (%s); starting another", self._name, pid, _reason(status))
            time.sleep(max(0.0, _MIN_RESTART_SECONDS - lived))
            self._start(number)

    def _stop(self, received: int = signal.SIGTERM) -> None:
        """Pass the signal on, and SIGTERM: a process may ignore SIGINT, which a terminal sends to all of them."""
        self._is_stopping = True
        self._before_stop()
        for pid in self._started:
            for number in dict.fromkeys((signal.SIGTERM, received)):  # first the one that ends a process that starts
                os.kill(pid, number)

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

    def _reap(self) -> Iterator[tuple[int, int]]:
        """Yield pid and status of each process that has ended, one by one: a reaped pid must not be signaled again."""
        for pid in list(self._started):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                yield pid, status


def die_with_parent(parent: int, signum: int) -> None:
    """Make the kernel send this process `signum` when the process `parent` dies (on Linux). Call it after a fork."""
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def run_and_exit(name: str, run: Callable[[], int]) -> NoReturn:
    """End this forked process with the status that `run` returns, or with 1 and a report if `run` raises."""
    status = 1
    try:
        status = run()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        log.exception("%s failed", name)
        report(error)
    finally:
        try:
            flush_reports()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:  # a task may have replaced or closed them
            os._exit(status)


def _reason(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"
