"""Worker processes, and the signals that a scenario sends them: by id, and only to processes that a fleet started."""

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
OTHER_VERSION = os.environ.get("OTHER_VERSION", "")  # a checkout of another version: `make side-by-side`


class Worker:
    """One `worker.py` and all processes that it forks."""

    def __init__(self, process: subprocess.Popen[bytes]):
        self.process = process
        self.was_told_to_end = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def tree(self) -> list[int]:
        return [self.pid, *descendants(self.pid)] if self.is_alive else []

    def kill(self) -> list[int]:
        """Send SIGKILL to the whole tree. It is frozen first, so that no process can fork or see another one die."""
        self.was_told_to_end = True
        frozen = self.freeze()
        for pid in frozen:
            send(pid, signal.SIGKILL)
        self.process.wait(timeout=60)
        return frozen

    def freeze(self) -> list[int]:
        """Send SIGSTOP to the whole tree. Return the pids, in the order in which they were forked."""
        frozen: list[int] = []
        while new := [pid for pid in self.tree() if pid not in frozen]:
            for pid in new:
                send(pid, signal.SIGSTOP)
            frozen += new
        return frozen

    def terminate(self) -> None:
        self.was_told_to_end = True
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None if the worker does not end in time."""
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
        self._started = 0
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
                python, folder = self._version()
                process = subprocess.Popen(
                    [python, *program],
                    cwd=folder,
                    env=self._environment | settings,
                    stdout=log,
                    stderr=log,
                )
            if memory:
                resource.prlimit(process.pid, resource.RLIMIT_AS, (memory, memory))
            started.append(Worker(process))
        self.workers += started
        return started

    def _version(self) -> tuple[str, Path]:
        """Return the interpreter and the folder of the next worker: every second one is of the other version."""
        self._started += 1
        if OTHER_VERSION and self._started % 2 == 0:
            return f"{OTHER_VERSION}/.venv/bin/python", Path(OTHER_VERSION, "backend")
        return sys.executable, BACKEND

    def living(self) -> list[int]:
        """Return every living process of this fleet, including those that lost their parent."""
        mark = f"{_MARK}={self._mark}".encode()
        found = []
        for pid in parents():
            with suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    found.append(pid)
        return found

    def died(self) -> dict[int, int]:
        """Return the exit status, by pid, of each worker that ended without being told to."""
        statuses = {worker.pid: worker.process.poll() for worker in self.workers if not worker.was_told_to_end}
        return {pid: status for pid, status in statuses.items() if status is not None}

    def stop(self) -> None:
        """Send SIGTERM to all, and SIGKILL to those that do not end."""
        for worker in self.workers:
            if worker.is_alive:
                worker.terminate()
        for worker in self.workers:
            worker.wait(10)
        for pid in self.living():
            send(pid, signal.SIGKILL)
        for worker in self.workers:
            worker.process.wait(timeout=60)

    def template_of(self, worker: Worker) -> int:
        """Return the pid of the template of a worker with one process; 0 if there is none."""
        below = parents()
        pool = {pid for pid, parent in below.items() if parent == worker.pid}  # only a supervisor forks
        templates = (pid for pid, parent in below.items() if parent in pool and not ignores_interrupts(pid))
        return next(templates, 0)

    def log(self) -> str:
        return (self._folder / "workers.log").read_text(errors="replace")


def ignores_interrupts(pid: int) -> bool:
    """Return True for a child that may run jobs: Ctrl-C is its supervisor's matter."""
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        return bool(int(status.partition("SigIgn:")[2].split()[0], 16) & 1 << signal.SIGINT - 1)
    return False


def parents() -> dict[int, int]:
    """Return the parent of every living process, by pid. A zombie counts as dead."""
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
