"""Break a connection to Redis, or kill a process, at a chosen command, all within the process of the test.

The scripts, the supervisor, the child and Redis are the real ones. Only no task is called, and a killed process is an
exception that nobody catches.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from redis import Redis
from redis.connection import Connection

from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.child.assembly import assemble
from taskdesk.worker.child.loop import Child
from taskdesk.worker.child.process import JobProcess
from taskdesk.worker.child.reservation import EndedJob, ReservedJob
from taskdesk.worker.failure import Failure
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.template import Template
from taskdesk.worker.supervisor.worker import TaskWorker

CUT_BEFORE, CUT_AFTER = "cut before", "cut after"
KILLED_BEFORE, KILLED_SENT, KILLED_AFTER = "killed before", "killed when it is sent", "killed after"
LOST = "lost on its way"
HOW = (CUT_BEFORE, CUT_AFTER, KILLED_BEFORE, KILLED_SENT, KILLED_AFTER)


class Killed(BaseException):
    """The process is killed here."""


class Fate:
    """The plan for the connections of one process: at which of its next commands they break, and how."""

    def __init__(self) -> None:
        self._plan: list[tuple[int, str]] = []

    def arm(self, commands: int, how: str) -> None:
        """Break the connection at the command after this many others, once earlier plans have come true."""
        self._plan.append((commands, how))

    def disarm(self) -> None:
        self._plan.clear()

    def next(self) -> str:
        """Return what happens to the command that is about to be sent, or an empty text."""
        if not self._plan:
            return ""
        commands, how = self._plan[0]
        if commands:
            self._plan[0] = (commands - 1, how)
            return ""
        self._plan.pop(0)
        return how


class _Socket:
    def __init__(self, real: socket.socket, fate: Fate):
        self._real = real
        self._fate = fate
        self._doom = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sendall(self, data: Any) -> None:
        how = self._fate.next()
        if how == KILLED_BEFORE:
            raise Killed
        if how == CUT_BEFORE:
            raise ConnectionResetError("cut before the command")
        if how == LOST:
            return
        self._real.sendall(data)
        if how == KILLED_SENT:
            raise Killed
        self._doom = how

    def recv_into(self, *arguments: Any) -> int:
        size = self._real.recv_into(*arguments)
        doom, self._doom = self._doom, ""
        if doom == KILLED_AFTER:
            raise Killed
        if doom == CUT_AFTER:
            raise ConnectionResetError("cut after the command")
        return size


def connect(url: str, fate: Fate) -> Redis:
    class FatefulConnection(Connection):
        def _connect(self) -> Any:
            return _Socket(super()._connect(), fate)

    redis = connect_with_timeout(url, timeout=5)
    redis.connection_pool.connection_class = FatefulConnection
    return redis


Meddle = Callable[["Supervisor", ReservedJob], None]
Step = tuple[Meddle, bool]  # what happens while a job runs, and whether it succeeds then


class _NoProcess(JobProcess):
    """The child runs in the process of its supervisor, which it leaves as it is."""

    def __init__(self) -> None:
        pass

    def prepare(self) -> int:
        return -1


class _Attempts:
    """They call no task: the steps say what happens instead."""

    def __init__(self, child: Child, owner: Supervisor, steps: list[Step], pace: float):
        self._child = child
        self._owner = owner
        self._steps = iter(steps)
        self._left = len(steps)
        self.pace = pace

    def run(self, job: ReservedJob) -> EndedJob:
        meddle, succeeds = next(self._steps)
        self._owner.begun.append(job.id)
        self._child.state.has_result = True
        began = time.time()
        meddle(self._owner, job)
        self._left -= 1
        self._child.state.needs_recycle = not self._left
        self._child.activity.end_function()
        failure = None if succeeds else Failure.of(ValueError("so it is"), job.timeout)
        seconds, self._owner.frozen = self._owner.frozen, 0.0
        return EndedJob(job, "", began - seconds, began, seconds, b'"done"', '"text"', b"", failure)


class _InPlace(ChildProcess):
    """A child in the process of its supervisor."""

    def kill(self) -> None:
        raise Killed

    @contextmanager
    def held(self) -> Iterator[bool]:
        yield True


class Supervisor(TaskWorker):
    """A worker whose child runs in the same process."""

    process_class = _InPlace

    def __init__(self, settings: Any, registry: Any, redis: Redis, begun: list[str]):
        super().__init__(settings, Template(settings.tasks, lambda *_: registry, registry.catalog), redis)
        self._registry = registry
        self._shared.serve(registry.catalog)
        self.is_dead = False
        self.begun = begun
        self.exit_status = -9  # of a child that is killed
        self.frozen = 0.0  # seconds, while the job ran

    def be_born(self) -> None:
        self._dying(self._begin)

    def run(self, steps: list[Step], *, pace: float) -> None:
        """Run one child, which runs one job for each step, as long as there are jobs. `pace`: what recent jobs took."""
        self._activity.clear()
        self._control.begin()
        child = assemble(
            *(self._settings, self._registry, self._store, self.connection),
            self._shared,
            worker_name=self.name,
            folder=self._folder.path / "job",
            burst=True,
            supervisor=0,
        )
        child.process = _NoProcess()
        child.attempts = child.prefetch._attempts = _Attempts(child, self, steps, pace)
        try:
            status = child.run()
            self._activity.clear()
        except Killed:
            status = self.exit_status
        child.reserver._connection.close()
        if not self.is_dead:
            self._exit.count(status)
            self._dying(partial(self._exit.settle, status, is_last=self._signals.is_set))

    def look(self) -> None:
        """Send a heartbeat and tick, as the supervisor of an idle child does."""
        self._dying(partial(self._duties.send_heartbeat, None))
        self._dying(self._settlement.tick)

    def heartbeat(self) -> None:
        """Send a heartbeat as while the child runs a job. It may kill the child."""
        self._duties.send_heartbeat(self._activity.read())

    def read_commands(self) -> None:
        self._duties.obey_commands(self._activity.read())

    def revoke(self) -> None:
        running = self._activity.read()
        assert running
        if running.prefetches:
            self._revoker.revoke(running)

    def _dying(self, step: Callable[[], Any]) -> None:
        try:
            assert self._retry_until_redis_answers(step)
        except (Killed, RuntimeError):  # a RuntimeError also ends it
            self.is_dead = True
