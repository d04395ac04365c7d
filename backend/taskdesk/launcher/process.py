"""A process that the launcher starts: its output behind its name, its restarts, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from taskdesk.launcher.terminal import say
from taskdesk.service.pool import die_with_parent

RESTART_GRACE_SECONDS = 30  # how long a running job may go on when its code has changed
LAST_LINES = 15  # that are shown when the process died


class ManagedProcess:
    """One process and its descendants."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        color: int,
        sources: Sequence[Path] = (),
        inherit_fds: Sequence[int] = (),
        is_worker: bool = False,
        overlaps: bool = False,
        umask: int = -1,
    ):
        """`overlaps`: after an edit the next process starts at once, while this one ends."""
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._command = command
        self._env = env
        self._color = color
        self._sources = sources
        self._inherit_fds = inherit_fds
        self._is_worker = is_worker
        self._overlaps = overlaps
        self._umask = umask
        self._was_edited = False  # it was restarted for an edit, so its death may be the edit's fault
        self._edited: Path | None = None  # no restart has begun for it yet
        self._leaving: subprocess.Popen[str] | None = None  # it is asked to end for a restart
        self._kill_at = 0.0  # when it is killed
        self.start()

    def start(self) -> None:
        """Start the process in a session of its own, so that the terminal's Ctrl-C reaches only us."""
        self._death_announced = False
        parent = os.getpid()
        self.process = subprocess.Popen(
            self._command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            pass_fds=self._inherit_fds,
            umask=self._umask,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),
        )
        self._reader = threading.Thread(target=self._print_output, args=[self.process], daemon=True)
        self._reader.start()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def all_ended(self) -> bool:
        """Return True if the process has ended, and so has one that it replaces."""
        return self.ended and (not self._leaving or self._leaving.poll() is not None)

    def supervise(self, edits: Collection[Path]) -> bool:
        """Restart the process if its code was edited. Return False if it died, and not after an edit."""
        edited = (path for path in edits if any(path.is_relative_to(source) for source in self._sources))
        self._edited = next(edited, self._edited)
        if self._leaving:
            self._look_after_leaving(self._leaving)
        elif self._edited:
            self._restart(self._edited)
        if self._leaving and not self._overlaps:
            return True
        if self._was_edited and self.process.poll() == -signal.SIGKILL:  # out of memory, for one: not the edit's fault
            self.say(f"{self.how_it_ended()}: restarting")
            _kill_session(self.process)
            self.start()
        if self.ended and self._was_edited and not self._death_announced:
            self._death_announced = True
            self.say(f"{self.how_it_ended()}; it restarts when its code changes")
        return self._was_edited or not self.ended

    def ask_to_end(self) -> None:
        self.process.terminate()
        if self._is_worker:
            self.process.send_signal(signal.SIGINT)  # somebody waits: no task's own `grace` holds

    def _restart(self, edited: Path) -> None:
        self.say(f"{edited.name} has changed: restarting")
        self.ask_to_end()
        self._leaving, self._kill_at = self.process, time.monotonic() + RESTART_GRACE_SECONDS
        self._edited, self._was_edited = None, True
        if self._overlaps:
            self.start()

    def _look_after_leaving(self, leaving: subprocess.Popen[str]) -> None:
        if leaving.poll() is None and time.monotonic() <= self._kill_at:
            return
        _kill_session(leaving)
        self._leaving = None
        if not self._overlaps:
            self._edited = None
            self.start()

    def how_it_ended(self) -> str:
        code = self.process.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def kill_session(self) -> None:
        """Kill what is left of the process and its descendants, and of one that it replaces."""
        for process in filter(None, (self._leaving, self.process)):
            _kill_session(process)
        self._reader.join(timeout=1)

    def say(self, line: str) -> None:
        say(line, self.name, self._color)

    def _print_output(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            self.last_lines.append(line.rstrip())
            self.say(line.rstrip())


def _kill_session(leader: subprocess.Popen[str]) -> None:
    """Kill what is left of a process and its descendants.

    A running job outlives its killed worker. The job has a process group of its own, but shares the session.
    """
    for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
        with suppress(OSError):
            if os.getsid(pid) == leader.pid:
                os.kill(pid, signal.SIGKILL)
    with suppress(OSError):
        os.killpg(leader.pid, signal.SIGKILL)  # where there is no /proc
    leader.wait()


def stop_processes(processes: Collection[ManagedProcess], seconds: float, signals: Sequence[int]) -> None:
    """Ask the processes to end, wait for `seconds` at most, and kill what is left.

    `signals` are those that we have received; a further one ends the waiting.
    """
    for process in processes:
        process.ask_to_end()
    deadline, received = time.monotonic() + seconds, len(signals)
    while (
        not all(process.all_ended for process in processes) and time.monotonic() < deadline and len(signals) == received
    ):
        time.sleep(0.02)
    for process in processes:
        process.kill_session()
