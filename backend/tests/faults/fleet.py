"""Worker processes, and what one can do to them. Only processes that a fleet started are ever signalled, by id."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.conftest import BACKEND
from tests.faults import effects

_MARK = "FAULTS_FLEET"


class Worker:
    """One `worker.py` with all that it forks."""

    def __init__(self, process: subprocess.Popen[bytes]):
        self.process = process
        self.is_told_to_end = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def tree(self) -> list[int]:
        return [self.pid, *descendants(self.pid)] if self.lives else []

    def kill(self) -> list[int]:
        """SIGKILL to the whole tree. It is frozen first, so that nobody can fork, or see another die."""
        self.is_told_to_end = True
        frozen = self.freeze()
        for pid in frozen:
            send(pid, signal.SIGKILL)
        self.process.wait(timeout=60)
        return frozen

    def freeze(self) -> list[int]:
        """SIGSTOP to the whole tree; its processes, the last to be forked at the end."""
        frozen: list[int] = []
        while new := [pid for pid in self.tree() if pid not in frozen]:
            for pid in new:
                send(pid, signal.SIGSTOP)
            frozen += new
        return frozen

    def terminate(self) -> None:
        self.is_told_to_end = True
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Its exit status; None if it does not end in time."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None


class Fleet:
    """Starts workers on one Redis; `processes` is the setting WORKERS of each."""

    def __init__(self, folder: Path, redis_url: str, effects_file: Path, *, processes: int = 1):
        self._folder = folder
        self._mark = uuid.uuid4().hex
        temporary = folder / "tmp"
        temporary.mkdir()
        self.temporary = temporary
        self.data = folder / "data"
        self.workers: list[Worker] = []
        self._environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": redis_url,
            "DATA_DIR": str(self.data),
            "TMPDIR": str(temporary),
            "TASKS": "tests.faults.tasks",
            "WORKERS": str(processes),
            "STOP_GRACE": "2",
            "QUEUES": "high,default,low",
            effects.VARIABLE: str(effects_file),
            _MARK: self._mark,
        }

    def start(
        self, count: int = 1, *, memory: int = 0, program: Sequence[str] = ("worker.py",), **settings: str
    ) -> list[Worker]:
        """Start workers; `memory` limits the address space of each of their processes (bytes)."""
        started = []
        for _ in range(count):
            with (self._folder / "workers.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, *program],
                    cwd=BACKEND,
                    env=self._environment | settings,
                    stdout=log,
                    stderr=log,
                )
            if memory:
                resource.prlimit(process.pid, resource.RLIMIT_AS, (memory, memory))
            started.append(Worker(process))
        self.workers += started
        return started

    def living(self) -> list[int]:
        """Every living process of this fleet, those that lost their parent too."""
        mark = f"{_MARK}={self._mark}".encode()
        found = []
        for pid in parents():
            with suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    found.append(pid)
        return found

    def died(self) -> dict[int, int]:
        """Exit status by pid of those that have ended, and nobody told them to."""
        statuses = {worker.pid: worker.process.poll() for worker in self.workers if not worker.is_told_to_end}
        return {pid: status for pid, status in statuses.items() if status is not None}

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to who is left."""
        for worker in self.workers:
            if worker.lives:
                worker.terminate()
        for worker in self.workers:
            worker.wait(10)
        for pid in self.living():
            send(pid, signal.SIGKILL)
        for worker in self.workers:
            worker.process.wait(timeout=60)

    def log(self) -> str:
        return (self._folder / "workers.log").read_text(errors="replace")


def parents() -> dict[int, int]:
    """Every living process, and its parent. One that nobody has waited for is dead."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                state, parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    found[int(entry)] = int(parent)
    return found


def descendants(root: int) -> list[int]:
    found = [root]
    family = parents()
    for ancestor in found:
        found += [pid for pid, parent in family.items() if parent == ancestor]
    return found[1:]


def alive(pid: int) -> bool:
    return pid in parents()


def send(pid: int, signum: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signum)
