"""The process of a template: it imports the tasks, says what they are, and forks the children. template.py starts it.

For each child, the template forks twice; the process between ends at once, and so the child becomes the supervisor's
own, which alone can wait for it, stop it and kill it. That takes 5 ms, where a fresh process would import the tasks
anew. If the import leaves what no copy can have (copies.py), the template becomes the child itself, and the next child
comes from a new template.

The wire to the supervisor is a pair of sockets with a line of JSON for each message. The template says `importing`
before each module, then `catalog`, then `child` for each order, which is an empty line.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from taskdesk.service.pool import die_with_parent
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.supervisor.copies import Imports, reseed
from taskdesk.worker.supervisor.double_fork import fork_for_supervisor

NO_WIRE = 74  # exit status of a template that can't send
_STOP = {signal.SIGTERM}

RunChild = Callable[[TaskRegistry], int]


class TemplateProcess:
    def __init__(
        self,
        end: socket.socket,
        packages: Sequence[str],
        load: Callable[[Callable[[str], None]], TaskRegistry],
        run_child: RunChild,
    ):
        """`load` imports the packages, and calls its argument with the name of each module before its import."""
        self._wire = _Wire(end)
        self._packages = packages
        self._load = load
        self._run_child = run_child

    def serve(self, supervisor: int, leave: Callable[[], None]) -> int:
        """Import the tasks, then give children until the supervisor closes the wire.

        `supervisor`: its pid. `leave` gives up what only the supervisor may have.
        """
        os.setpgid(0, 0)
        die_with_parent(supervisor, signal.SIGKILL)
        _take_default_signals()
        leave()
        registry, obstacle = self._import_tasks()
        while self._wire.receive():
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # until the child can take it
            _flush()
            if obstacle:
                self._wire.send(child=os.getpid())
                self._wire.close()
                return self._run_child(registry)
            fork_for_supervisor(lambda: self._run_copy(registry), lambda child: self._wire.send(child=child))
        return 0

    def _import_tasks(self) -> tuple[TaskRegistry, str]:
        """Return the tasks, and what their import has left that no copy can have; empty if there is nothing."""
        pid, imports = os.getpid(), Imports(self._packages)

        def importing(module: str) -> None:
            if os.getpid() != pid:  # a copy that an import has forked, and that has come back as well
                os._exit(1)
            self._wire.send(importing=module)

        registry = self._load(importing)
        importing("")
        obstacle = imports.obstacle()
        self._wire.send(catalog=registry.catalog.model_dump(mode="json"), obstacle=obstacle)
        gc.collect()
        gc.freeze()  # the children share it: a collection would copy it
        return registry, obstacle

    def _run_copy(self, registry: TaskRegistry) -> int:
        self._wire.close()
        reseed()
        return self._run_child(registry)


class _Wire:
    def __init__(self, end: socket.socket):
        self._end = end

    def send(self, **message: Any) -> None:
        try:
            self._end.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            os._exit(NO_WIRE)

    def receive(self) -> bool:
        return bool(self._end.recv(1))

    def close(self) -> None:
        self._end.close()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _take_default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
