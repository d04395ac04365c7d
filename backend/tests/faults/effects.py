"""The effects file: what tasks really did, outside Redis. The tasks write it, the harness reads it.

A line is `<job id> <begin|end> <pid> <Unix time>`, appended with one write, so lines of many processes never mix.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taskdesk.jobs.task import current_job

VARIABLE = "EFFECTS"


@dataclass(frozen=True)
class Effect:
    job_id: str
    event: str
    pid: int
    at: float


def leave(event: str) -> None:
    """Append an event of the current job."""
    now = time.clock_gettime(time.CLOCK_REALTIME)  # clock_shift.py does not change this clock
    line = f"{current_job().job_id} {event} {os.getpid()} {now:.3f}\n"
    _append(Path(os.environ[VARIABLE]), line.encode())


def attempt() -> int:
    """Count this attempt of the current job, and return its number: 1 for the first."""
    return attempt_of(current_job().job_id)


def attempt_of(name: str) -> int:
    """Count this attempt of a job that RQ's own worker may run, and return its number."""
    folder = Path(f"{os.environ[VARIABLE]}.attempts")
    folder.mkdir(exist_ok=True)
    return _append(folder / name, b".")


@contextmanager
def place(limit: str, most: int) -> Iterator[None]:
    """Hold a place of a limit; the system gives it back when the process dies. If all are taken, leave a line."""
    folder = Path(f"{os.environ[VARIABLE]}.places")
    folder.mkdir(exist_ok=True)
    files = [os.open(folder / f"{limit}.{number}", os.O_WRONLY | os.O_CREAT, 0o600) for number in range(most)]
    try:
        if not any(_is_mine(file) for file in files):
            _append(folder / "too many", f"{limit} {os.getpid()} {time.time():.3f}\n".encode())
        yield
    finally:
        for file in files:
            os.close(file)


def _is_mine(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _append(path: Path, content: bytes) -> int:
    """Append in one write, and return the new size of the file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, content)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


class Effects:
    def __init__(self, path: Path):
        self.path = path
        path.touch()

    def all(self) -> list[Effect]:
        """Return every effect in the order of lines, without a last line that is not complete."""
        lines = self.path.read_text().split("\n")[:-1]
        return [Effect(j, e, int(p), float(at)) for j, e, p, at in (line.split(" ") for line in lines)]

    def of(self, job_id: str) -> list[Effect]:
        return [effect for effect in self.all() if effect.job_id == job_id]

    def counts(self, event: str) -> dict[str, int]:
        found: defaultdict[str, int] = defaultdict(int)
        for effect in self.all():
            found[effect.job_id] += effect.event == event
        return found

    def too_many(self) -> list[str]:
        """Return a line for each job that found no place of its limit."""
        file = Path(f"{self.path}.places") / "too many"
        return file.read_text().splitlines() if file.exists() else []

    def taken(self) -> int:
        """Return how many jobs have taken a turn."""
        folder = Path(f"{self.path}.attempts")
        return len(list(folder.iterdir())) if folder.exists() else 0
