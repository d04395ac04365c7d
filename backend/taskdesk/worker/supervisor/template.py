"""The template: a process that has imported the tasks, and that the children are forked from. The supervisor's end.

An import may do anything: end its process, start threads, patch the standard library, crash in C, never end. So neither
the worker's main process nor its supervisors import a task. A supervisor keeps a template, which imports them and says
what they are (template_process.py). If it dies while it imports, that module is named as broken and the others are
imported again without it.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import fork, waitpid  # as they are before a task patches them
from typing import Any

from taskdesk.jobs.catalog import Catalog
from taskdesk.service.pool import run_and_exit
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.supervisor.double_fork import take_orphans
from taskdesk.worker.supervisor.process import ends_now, has_ended
from taskdesk.worker.supervisor.template_process import NO_WIRE, RunChild, TemplateProcess

MAX_IMPORT_SECONDS = 600  # for one module; then it is broken
SLOW_IMPORT_SECONDS = 30  # then the log says which module it is, and again after as many seconds
CHILD_ANSWER_SECONDS = 30  # for a child; then the template hangs, and is replaced
LOOK_SECONDS = 0.1  # between two looks at the template, unless it says something
LONGEST_STEP_SECONDS = 1.0  # that count between two looks: the whole worker may have been stopped
MAX_DEATHS = 3  # in a row without a child, or in the import of one module, if they may have come from outside

Load = Callable[[Callable[[str], None], dict[str, str]], TaskRegistry]  # see discovery.discover

log = logging.getLogger("worker")


class Template:
    """`pid` is 0 while there is none. `catalog`: what the tasks are, once they are imported."""

    def __init__(self, packages: Sequence[str], load: Load, catalog: Catalog | None = None):
        """`catalog`: what `load` will return, if that is known."""
        self.pid = 0
        self._packages = packages
        self.catalog = catalog or Catalog(tasks={})
        self.has_imported = False
        self._load = load
        self._run_child: RunChild = lambda registry: 1
        self._leave: Callable[[], None] = lambda: None
        self._broken: dict[str, str] = {}  # the modules whose import has ended a template
        self._deaths: dict[str, int] = {}  # by module; those in no import under ""

    def begin(self, run_child: RunChild, leave: Callable[[], None] = lambda: None) -> None:
        """Run `run_child` in each child. `leave` gives up what only the supervisor may have."""
        self._run_child, self._leave = run_child, leave
        self._start()

    def fork_child(self, wait: Callable[[], object]) -> int:
        """Return the pid of a new child; 0 if the template has died. `wait` is called again and again until then.

        The tasks have to be imported. The worker waits for the child even while it stops: the child may hold a job.
        """
        self._order()
        try:
            while self.pid:
                for message in self._look():
                    if "child" in message:
                        return self._hand_over(message["child"])
                wait()
        finally:
            take_orphans(False)
        return 0

    def import_tasks(self, wait: Callable[[], bool]) -> bool:
        """Return True when the tasks are imported; False if `wait` has returned False."""
        while True:
            self._look()
            if not self.pid:
                self._start()
            if self.has_imported:
                return True
            if not wait():
                return False

    def sleep(self, wakeup: int) -> None:
        """Wait until the template says something, or `wakeup` can be read."""
        ends = [wakeup, self._socket.fileno()] if self.pid else [wakeup]
        if wakeup in select.select(ends, [], [], LOOK_SECONDS)[0]:
            os.read(wakeup, 1024)

    def close(self) -> None:
        """Kill it, and all that the imports have started."""
        if self.pid:
            self._end()

    # The process

    def _start(self) -> None:
        self._socket, its_end = socket.socketpair()
        self._received = b""
        self._module, self.began = "", time.time()
        self._expect_word_within(MAX_IMPORT_SECONDS)
        self.has_imported = False
        supervisor = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pid = fork()
        if not pid:
            self._socket.close()
            process = TemplateProcess(its_end, self._packages, self._load_others, self._run_child)
            run_and_exit("the worker's child", lambda: process.serve(supervisor, self._leave))
        self.pid = pid
        its_end.close()
        with suppress(OSError):  # it has done so already
            os.setpgid(pid, pid)

    def _load_others(self, importing: Callable[[str], None]) -> TaskRegistry:
        return self._load(importing, self._broken)

    def _expect_word_within(self, seconds: float) -> None:
        self._limit, self._silence, self._warn_after = seconds, 0.0, float(SLOW_IMPORT_SECONDS)
        self._looked = time.monotonic()

    def _look(self) -> list[dict[str, Any]]:
        """Take what it has said; notice that it has died, or that it hangs."""
        if not self.pid:
            return []
        messages, is_open = self._receive()
        for message in messages:
            self._note(message)
        self._silence += min(time.monotonic() - self._looked, LONGEST_STEP_SECONDS)
        self._looked = time.monotonic()
        is_hanging = self._silence > self._limit
        if "child" not in (messages or [{}])[-1] and (is_hanging or not is_open or has_ended(self.pid)):
            self._bury(is_hanging)
        elif self._module and self._silence > self._warn_after:
            self._warn_after += SLOW_IMPORT_SECONDS
            log.warning("the import of %s has taken %d s so far", self._module, self._silence)
        return messages

    def _receive(self) -> tuple[list[dict[str, Any]], bool]:
        """Return its messages, and False if there will be no more."""
        try:
            data = self._socket.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return [], True
        except OSError:
            data = b""
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines], bool(data)

    def _note(self, message: dict[str, Any]) -> None:
        if "importing" in message:
            self._module = message["importing"]
            self._expect_word_within(MAX_IMPORT_SECONDS)
        elif "catalog" in message:
            self.catalog = Catalog.model_validate(message["catalog"])
            self._module, self.has_imported = "", True
            self._expect_word_within(float("inf"))
            self._deaths = {"": self._deaths.get("", 0)}
            if obstacle := message["obstacle"]:
                log.info("the import of the tasks leaves %s: each process that runs jobs imports them itself", obstacle)

    def _order(self) -> None:
        take_orphans(True)
        self._expect_word_within(CHILD_ANSWER_SECONDS)
        with suppress(OSError):  # it has died: the next look finds that
            self._socket.sendall(b"\n")

    def _hand_over(self, child: int) -> int:
        self._deaths.clear()
        self._expect_word_within(float("inf"))
        if child == self.pid:  # it could not be copied
            self._socket.close()
            self.pid = 0
        return child

    def _end(self) -> int:
        """Kill it and all processes of its group; return its exit status."""
        self._socket.close()
        status = -signal.SIGKILL
        pid, self.pid = self.pid, 0
        if ended := has_ended(pid):
            status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            waitpid(pid, 0)
            while True:  # a child that was not handed over is in its group
                waitpid(-pid, 0)
        return status

    def _bury(self, is_hanging: bool) -> None:
        """Replace it without the module whose import has ended it.

        Raises RuntimeError if template after template dies for another reason.
        """
        is_dead = is_hanging or ends_now(self.pid)
        status = self._end()
        module, self.has_imported = self._module, False
        deaths = self._deaths[module] = self._deaths.get(module, 0) + 1
        if module and (is_hanging or status != -signal.SIGKILL or not is_dead or deaths >= MAX_DEATHS):
            self._broken[module] = _end_of_import(status, is_hanging=is_hanging, is_dead=is_dead)
            if self.catalog.tasks or self.catalog.broken:  # the worker has logged its catalog before
                log.error("%s can't be used: %s", module, self._broken[module])
        elif deaths >= MAX_DEATHS:
            raise RuntimeError("the process that imports the tasks dies again and again")
        else:
            log.warning("the process that has imported the tasks was lost (status %d); another imports them", status)


def _end_of_import(status: int, *, is_hanging: bool, is_dead: bool) -> str:
    if is_hanging:
        return f"its import took longer than {MAX_IMPORT_SECONDS} s"
    if status == NO_WIRE or not is_dead:
        return "its import closed all files of the process, or started another program in its place"
    if status < 0:
        return f"its import ended the process by signal {-status} ({signal.Signals(-status).name})"
    return f"its import ended the process with exit status {status}"
