"""The nemesis does harm to a rig, one kind after the other, in a random, seeded order. Each kind repairs what it broke,
except for the workers it killed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from redis.exceptions import RedisError

from tests.faults.clock_shift import set_offset
from tests.faults.fleet import Worker, descendants, send
from tests.faults.harness import Rig
from tests.faults.ledger import ACCEPTED

CREW = 3  # workers: after each harm new ones start until there are so many
OFFSETS = (-86400, -120, 120, 86400)  # seconds
LOADING = "LOADING Redis is loading the dataset in memory"


class Nemesis:
    def __init__(self, rig: Rig):
        self.done: list[str] = []
        self._rig = rig
        self._clock = rig.folder / "clock"
        self._shifted: Worker | None = None
        self._chance = Random(rig.random.random())

    def rage(self, seconds: float, most_pause: float = 0.5) -> None:
        """Do harm for this many seconds, and leave everything repaired but the killed workers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            harm = self._chance.choice(HARMS)
            self.done.append(harm.__name__.removeprefix("_"))
            harm(self)
            self._hire()
            time.sleep(self._chance.uniform(0, most_pause))

    def _hire(self) -> None:
        crew = [worker for worker in self._rig.fleet.workers if worker.is_alive and not worker.was_told_to_end]
        self._rig.fleet.start(max(CREW - len(crew), 0))

    def _victim(self) -> Worker:
        return self._chance.choice([w for w in self._rig.fleet.workers if w.is_alive and not w.was_told_to_end])

    def _wait(self, least: float, most: float) -> None:
        time.sleep(self._chance.uniform(least, most))

    # Workers

    def _kill_tree(self) -> None:
        self._rig.kill(self._victim())

    def _kill_part(self) -> None:
        """Kill one supervisor or one child."""
        if parts := descendants(self._victim().pid):
            victim = self._chance.choice(parts)
            self._rig.killed([victim, *descendants(victim)])
            send(victim, signal.SIGKILL)

    def _terminate(self) -> None:
        self._victim().terminate()

    def _freeze_worker(self) -> None:
        """Freeze a worker, sometimes for longer than its lease."""
        frozen = self._rig.freeze(self._victim())
        self._wait(0.5, 1.5)
        if self._chance.random() < 0.5:
            self._expire_leases()
            self._wait(1, 2)
        for pid in frozen:
            send(pid, signal.SIGCONT)

    def _expire_leases(self) -> None:
        self._rig.expire_leases()

    def _turn_clock(self) -> None:
        """Let the clock of a worker jump while it works. If no worker has a shifted clock, start one."""
        set_offset(self._clock, self._chance.choice(OFFSETS))
        if not (self._shifted and self._shifted.is_alive):
            program = ("-m", "tests.faults.clock_shift", str(self._clock), "worker.py")
            [self._shifted] = self._rig.fleet.start(program=program)

    # Redis

    def _kill_redis(self) -> None:
        self._rig.server.kill()
        self._wait(0.2, 2)
        self._rig.server.start()

    def _freeze_redis(self) -> None:
        self._rig.server.freeze()
        self._wait(0.5, 6)
        self._rig.server.thaw()

    def _fill_redis(self) -> None:
        """Fill Redis while jobs end, and sometimes kill a worker meanwhile."""
        self._rig.redis.config_set("maxmemory", "1mb")
        self._wait(0.5, 2)
        if self._chance.random() < 0.5:
            self._kill_tree()
        self._wait(0.5, 1)
        self._rig.redis.config_set("maxmemory", 0)

    def _not_ready(self) -> None:
        self._rig.proxy.refuse(LOADING)
        self._wait(0.5, 4)
        self._rig.proxy.stop_refusing()

    def _kill_clients(self) -> None:
        for _ in range(self._chance.randint(1, 10)):
            self._rig.redis.client_kill_filter(_type="normal")
            self._rig.redis.client_kill_filter(_type="pubsub")

    # The network

    def _cut(self) -> None:
        self._rig.proxy.cut()

    def _slow(self) -> None:
        self._rig.proxy.delay = self._chance.choice((0.002, 0.02, 0.1))
        self._wait(0.5, 3)
        self._rig.proxy.delay = 0.0

    def _lose_answers(self) -> None:
        self._rig.proxy.loss = self._chance.uniform(0.05, 0.25)
        self._wait(1, 4)
        self._rig.proxy.loss = 0.0

    def _black_hole(self) -> None:
        self._rig.proxy.black_hole()
        self._wait(1, 4)
        self._rig.proxy.open()

    # Users

    def _cancel(self) -> None:
        """Cancel some jobs, whatever their status, but hardly one that others wait for: these would wait for ever.

        A job may get a dependent at this moment, or have one whose submit had no answer.
        """
        parents = {entry.parent for entry in self._rig.ledger.entries(ACCEPTED).values()}
        jobs = [job_id for job_id in self._rig.ledger.entries(ACCEPTED) if job_id not in parents]
        with suppress(RedisError):
            self._rig.jobs.cancel(*self._chance.sample(jobs[-100:], k=min(30, len(jobs))))


HARMS: tuple[Callable[[Nemesis], None], ...] = (
    Nemesis._kill_tree,
    Nemesis._kill_part,
    Nemesis._terminate,
    Nemesis._freeze_worker,
    Nemesis._turn_clock,
    Nemesis._kill_redis,
    Nemesis._freeze_redis,
    Nemesis._fill_redis,
    Nemesis._not_ready,
    Nemesis._kill_clients,
    Nemesis._cut,
    Nemesis._slow,
    Nemesis._lose_answers,
    Nemesis._black_hole,
    Nemesis._cancel,
)
