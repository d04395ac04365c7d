"""Start, measure and end the processes of a contender, with all that they fork. Linux only: it reads /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 3  # processes that have not ended by then are killed; all is measured before


@dataclass(frozen=True)
class Memory:
    """The memory of all processes of a contender, in bytes. `pss` counts a page that n processes share as 1/n."""

    processes: int
    rss: int
    pss: int


class Processes:
    """Run the commands, each in a session of its own, while the `with` block lasts."""

    def __init__(self, commands: Sequence[Sequence[str]], environment: Mapping[str, str], log: Path):
        self._log = log
        with log.open("ab") as output:
            self._started = [
                subprocess.Popen(
                    command,
                    cwd=BACKEND,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                for command in commands
            ]

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in self._started:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
        for pid in self._pids():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            process.wait()

    def check(self) -> None:
        """Raise RuntimeError with the end of the log if one of the commands has ended."""
        if any(process.poll() is not None for process in self._started):
            raise RuntimeError(f"a worker ended: {self._log.read_text()[-2000:]}")

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all processes, including ended ones that a living one has waited for."""
        total = 0
        for pid in self._pids():
            with suppress(OSError):
                total += sum(map(int, _stat(pid)[11:15]))  # utime, stime, cutime, cstime
        return total / TICKS

    def memory(self) -> Memory:
        sizes = []
        for pid in self._pids():
            with suppress(OSError):  # it has just ended
                sizes.append(_rollup(pid))
        return Memory(len(sizes), sum(size["Rss"] for size in sizes), sum(size["Pss"] for size in sizes))

    def _pids(self) -> Iterator[int]:
        """Yield every process of our sessions. A child may have its own process group, but not its own session."""
        sessions = {process.pid for process in self._started}
        for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
            with suppress(OSError):
                if os.getsid(pid) in sessions:
                    yield pid


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the third on; the name before them may contain anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _rollup(pid: int) -> dict[str, int]:
    """Return the sizes in /proc/<pid>/smaps_rollup by name, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size) * 1024 for name, size, _ in (line.replace(":", "").split() for line in lines)}
