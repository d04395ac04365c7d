"""F15: the primary is killed, frozen or cut off under load, and the Sentinels promote a replica.

In `make faults` each host has a network of its own where that can be had; else all are 127.0.0.1, and none is cut off.
"""

from __future__ import annotations

import tempfile
import threading
import time
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest
from redis.exceptions import RedisError

from taskdesk.service.redis import connect_with_timeout
from tests.conftest import Stack, wait_until
from tests.faults import logs
from tests.faults.effects import Effects
from tests.faults.fleet import Fleet
from tests.faults.over_http import post
from tests.faults.scale import ALL, LIMIT, SEED, promised, size
from tests.redis_hosts import CAN_MAKE_NETWORKS, Host, Hosts, redis_hosts

pytestmark = [pytest.mark.timeout(LIMIT), pytest.mark.slow]

WINDOW_SECONDS = 1.0  # before the harm: what was accepted then may be lost, as docs/redis.md says
HARMS = {"killed": Host.kill, "frozen": Host.freeze}
IN_NETWORK = ALL and CAN_MAKE_NETWORKS
if IN_NETWORK:
    HARMS["cut off"] = Host.cut_off


class Load:
    """Submits jobs over HTTP, one after the other, and keeps what was answered: (Unix time, job id) if accepted."""

    def __init__(self, stack: Stack, chance: Random):
        self.accepted: list[tuple[float, str]] = []
        self.refused: set[int] = set()
        self.once: set[str] = set()  # the jobs that must not run twice
        self._stack, self._chance, self._ended = stack, chance, threading.Event()
        self._thread = threading.Thread(target=self._submit, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=60)

    def _submit(self) -> None:
        while not self._ended.wait(self._chance.expovariate(30)):
            task = self._chance.choice(("effect", "retrying", "effect_high", "effect_once"))
            answer = post(self._stack, task)
            if answer.status == 202:
                self.accepted.append((time.time(), answer.job_id))
                if task == "effect_once":
                    self.once.add(answer.job_id)
            else:
                self.refused.add(answer.status)

    def until_accepted(self, since: float) -> float:
        """Wait until a submit that came after this time is accepted; return the seconds in between."""
        wait_until(lambda: self.accepted and self.accepted[-1][0] > since, what="a submit is accepted")
        return next(at for at, _ in self.accepted if at > since) - since


def _until_at_work(effects: Effects, since: float) -> float:
    wait_until(lambda: effects.all()[-1].at > since, what="a job runs")
    return next(effect.at for effect in effects.all() if effect.at > since) - since


@pytest.mark.parametrize("redis_wait", ["0", "1"])
def test_f15_web_and_workers_follow_the_primary(capsys, monkeypatch, redis_wait):
    """F15: back within 10 s of the promotion; only what was accepted right before the harm may be missing.

    With REDIS_WAIT=1 nothing is missing, and no job with `at_most_once` runs twice.
    """
    monkeypatch.setenv("REDIS_WAIT", redis_wait)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        with redis_hosts(folder, in_network=IN_NETWORK) as hosts:
            effects = Effects(folder / "effects")
            fleet = Fleet(folder, hosts.url, effects.path)
            stack = Stack(hosts.url, folder, TASKS="tests.faults.tasks", RATE_LIMIT="100000/second")
            try:
                stack.start("server")
                pool = fleet.start(2)
                wait_until(lambda: stack.answers("/api/v1/tasks/effect"), what="the tasks are announced")
                _fail_over(hosts, stack, effects, list(islice(cycle(HARMS), size(len(HARMS), 20))), capsys, redis_wait)
                assert all(worker.is_alive for worker in pool)
            finally:
                stack.stop()
                fleet.stop()
        found = list(logs.tracebacks(folder, None))
    assert not found, "\n".join(found[:2])


def _fail_over(hosts: Hosts, stack: Stack, effects: Effects, harms: list[str], capsys, redis_wait: str) -> None:
    began: list[float] = []  # when the harm was done
    ended: list[float] = []  # when the new primary was there
    web: list[float] = []
    workers: list[float] = []
    with Load(stack, Random(SEED + 15)) as load:
        load.until_accepted(0)
        for harm in harms:
            _until_at_work(effects, time.time())
            old = hosts.primary()
            began.append(time.time())
            HARMS[harm](old)
            _, promoted = hosts.until_promoted(old)
            ended.append(promoted)
            web.append(load.until_accepted(promoted))
            workers.append(_until_at_work(effects, promoted))
            old.heal()
            hosts.until_whole()
    lost = _lost(hosts, load, effects)
    outside = [at for at in lost if not any(b - WINDOW_SECONDS <= at <= e for b, e in zip(began, ended, strict=True))]
    waits = [end - begin for begin, end in zip(began, ended, strict=True)]
    with capsys.disabled():
        print(
            f"\nF15 REDIS_WAIT={redis_wait} {len(harms)} failovers: {len(load.accepted)} accepted, {len(lost)} lost, "
            f"{len(outside)} outside "
            f"the window; new primary after {_range(waits)}; web back after {_range(web)}, workers after "
            f"{_range(workers)}; other answers {sorted(load.refused)}"
        )
    assert not outside
    if redis_wait != "0":
        assert not lost
        assert not [job_id for job_id in load.once if effects.counts("begin")[job_id] > 1]
    assert max(web + workers) <= promised(10)
    assert load.refused <= {503}


def _range(seconds: list[float]) -> str:
    return f"{min(seconds):.1f}–{max(seconds):.1f} s"


def _lost(hosts: Hosts, load: Load, effects: Effects) -> list[float]:
    """Return when the jobs were accepted that neither ran nor are in Redis."""
    with connect_with_timeout(hosts.url, 5) as redis:

        def has_ended() -> bool:
            try:
                return not any(redis.llen(f"rq:queue:{queue}") for queue in ("high", "default", "low"))
            except RedisError:
                return False

        wait_until(has_ended, what="the queues are empty")
        known = effects.counts("begin")
        return [at for at, job_id in load.accepted if not known.get(job_id) and not redis.exists(f"rq:job:{job_id}")]
