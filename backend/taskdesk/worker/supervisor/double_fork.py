"""Fork a process that becomes the child of the supervisor, not of the template that forks it.

The template forks a process between, which forks the child and ends. The kernel then gives the child to the supervisor,
if that takes orphans meanwhile. The child runs only when the supervisor knows its pid and is its parent.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from os import fork, waitpid  # as they are before a task patches them
from typing import NoReturn

from taskdesk.service.pool import run_and_exit

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def take_orphans(on: bool) -> None:
    """Let this process be the next parent of its grandchildren whose parent ends (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on))


def fork_for_supervisor(run: Callable[[], int], tell: Callable[[int], None]) -> None:
    """Fork a child, tell its pid, then let it run this and end with the status that it returns."""
    pids, go = os.pipe(), os.pipe()
    between = fork()
    if not between:
        _fork_and_exit(pids[1], lambda: _run_when_told((*pids, go[1]), go[0], run))
    with suppress(ChildProcessError):  # an import may have set SIGCHLD to SIG_IGN
        waitpid(between, 0)
    os.close(pids[1])
    os.close(go[0])
    tell(int(os.read(pids[0], 32)))
    os.write(go[1], b".")
    os.close(go[1])
    os.close(pids[0])


def _fork_and_exit(pid_pipe: int, run: Callable[[], int]) -> NoReturn:
    try:
        pid = fork()
        if not pid:
            run_and_exit("the worker's child", run)
        os.write(pid_pipe, str(pid).encode())
    finally:
        os._exit(0)


def _run_when_told(others: tuple[int, ...], go: int, run: Callable[[], int]) -> int:
    for end in others:
        os.close(end)
    is_told = os.read(go, 1)
    os.close(go)
    return run() if is_told else 1  # else the template has died, and perhaps nobody knows this child
