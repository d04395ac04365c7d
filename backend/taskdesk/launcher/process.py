"""A process that we started: its output behind its name, its restart, its end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from taskdesk.launcher.terminal import say

BACKEND = Path(__file__).resolve().parents[2]
RESTART_GRACE_SECONDS = 30  # how long a running job may go on when its code has changed
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1


class ManagedProcess:
    """One process and its descendants."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        colour: int,
        sources: Sequence[Path] = (),
        inherit_fds: Sequence[int] = (),
    ):
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=15)
        self._command = command
        self._env = env
        self._colour = colour
        self._sources = sources
        self._inherit_fds = inherit_fds
        self._edited = False  # it has been started again for new code
        self._kill_at = 0.0  # while it ends for new code: how long it may take
        self.start()

    def start(self) -> None:
        """Start it in a session of its own: the terminal's Ctrl-C must reach us alone."""
        self._told = False
        self.process = subprocess.Popen(
            self._command,
            cwd=BACKEND,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            pass_fds=self._inherit_fds,
            preexec_fn=_end_with_parent if LIBC else None,
        )
        self._reader = threading.Thread(target=self._show, daemon=True)
        self._reader.start()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def attend(self, edits: Collection[Path]) -> bool:
        """Start it again if its code was edited; False when it ended and no edit is to blame."""
        edited = [path for path in edits if any(path.is_relative_to(source) for source in self._sources)]
        if edited and not self._kill_at:
            self.say(f"{edited[0].name} has changed: starts again")
            self.process.terminate()
            self._kill_at = time.monotonic() + RESTART_GRACE_SECONDS
        if self._kill_at:
            if self.ended or time.monotonic() > self._kill_at:
                self.kill_session()
                self._kill_at, self._edited = 0.0, True
                self.start()
            return True
        if self.ended and self._edited and not self._told:
            self._told = True
            self.say(f"{self.how_it_ended()}; starts again when its code changes")
        return self._edited or not self.ended

    def how_it_ended(self) -> str:
        code = self.process.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def kill_session(self) -> None:
        """Kill what is left of it.

        A running job outlives its killed worker. It has a process group of its own, but the session is the worker's.
        """
        for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
            with suppress(OSError):
                if os.getsid(pid) == self.process.pid:
                    os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)  # where there is no /proc
        self.process.wait()
        self._reader.join(timeout=1)

    def say(self, line: str) -> None:
        say(line, self.name, self._colour)

    def _show(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.last_lines.append(line.rstrip())
            self.say(line.rstrip())


def stop_processes(services: Collection[ManagedProcess], seconds: float, signals: Sequence[int]) -> None:
    """Ask them to end, wait, and kill what is left. A further signal cuts the waiting short."""
    for service in services:
        service.process.terminate()
    deadline, received = time.monotonic() + seconds, len(signals)
    while not all(service.ended for service in services) and time.monotonic() < deadline and len(signals) == received:
        time.sleep(0.02)
    for service in services:
        service.kill_session()


def _end_with_parent() -> None:
    """Runs in the new process: the kernel shall stop it should we be killed."""
    assert LIBC
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
