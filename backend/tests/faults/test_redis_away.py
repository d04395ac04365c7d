"""A Redis that is killed, frozen, slow, forgetful, or not to be reached: F06, F07, F08, F12, F13."""

from __future__ import annotations

import time

import pytest
from redis.exceptions import ResponseError

from tests.conftest import wait_until
from tests.faults.catalog import OFTEN, ONCE
from tests.faults.harness import Desk, desk
from tests.faults.scale import LIMIT, SEED, size

pytestmark = pytest.mark.timeout(LIMIT)


def test_f06_workers_come_back_when_redis_was_killed(assert_kept):
    """F06: kill -9 of Redis, back after 0.2–5 s and with a past to load, while the workers idle and while they work."""
    with desk(SEED + 6) as opened:
        opened.age(size(20_000, 200_000))
        pool = opened.fleet.start(size(1, 2))
        opened.until_online(*pool)
        for _ in range(size(1, 20)):
            _kill_redis(opened)  # while idle
            opened.until_final(opened.submit("effect"), seconds=15)
            with opened.load(ONCE):
                opened.until_at_work()
                opened.submit("effect_high", seconds=1)
                _kill_redis(opened)
                opened.until_at_work(seconds=15)

        report = opened.check("F06 Redis killed", once=True, succeed=True)
        report.expect(all(worker.lives for worker in pool), "a worker died")
    assert_kept(report)


def _kill_redis(opened: Desk) -> None:
    time.sleep(opened.random.uniform(0, 0.3))
    opened.server.kill()
    time.sleep(opened.random.uniform(0.2, size(2, 5)))
    opened.server.start()


@pytest.mark.slow
def test_f08_what_redis_forgets_leaves_nothing_astray(assert_kept):
    """F08: kill -9 of Redis, and its file loses its last 20 kB: the jobs in there begin again or are gone, all others
    run once.
    """
    with desk(SEED + 8) as opened:
        pool = opened.fleet.start(2)
        opened.until_online(*pool)
        for _ in range(size(1, 20)):
            with opened.load(ONCE + OFTEN):
                opened.until_at_work()
                time.sleep(opened.random.uniform(0.5, 1))
                forgotten = opened.forget(20_000)
                opened.until_at_work(seconds=15)
            opened.until_final(opened.submit("effect"), seconds=15)

        report = opened.check("F08 Redis's file cut", once=True)
        report.expect(forgotten > 0, "the cut was harmless")
        report.expect(all(worker.lives for worker in pool), "a worker died")
    assert_kept(report)


@pytest.mark.parametrize("seconds", size([10], [10, 45]))
def test_f07_a_frozen_redis_makes_no_job_run_twice(assert_kept, seconds):
    """F07: SIGSTOP of Redis, longer than a lease, too. Nobody is dead, so nobody is rescued: all run once.

    A job that ends meanwhile is within its time limit, however long its result has to wait.
    """
    with desk(SEED + 7) as opened:
        opened.fleet.start(2)
        with opened.load(ONCE):
            opened.until_at_work()
            for running in (opened.submit("effect_high", seconds=2), opened.submit("limited", seconds=1)):
                opened.until_running(running)
            opened.server.freeze()
            time.sleep(seconds)
            opened.server.thaw()
            opened.until_at_work(seconds=10)

        report = opened.check(f"F07 Redis frozen for {seconds} s", once=True, succeed=True)
    assert_kept(report)


def _kill_clients(opened: Desk) -> None:
    opened.redis.client_kill_filter(_type="normal")


def _cut(opened: Desk) -> None:
    opened.proxy.cut()


def _sleep(opened: Desk) -> None:
    """A Redis that forbids DEBUG (7 and later) is frozen instead, which looks the same from outside."""
    seconds = opened.random.uniform(0.2, 2)
    try:
        opened.redis.execute_command("DEBUG", "SLEEP", seconds)
    except ResponseError:
        opened.server.freeze()
        time.sleep(seconds)
        opened.server.thaw()


def test_f12_a_slow_and_flapping_redis_makes_no_job_run_twice(assert_kept):
    """F12: every connection is closed again and again, packets come late, Redis sleeps. No false rescue."""
    with desk(SEED + 12) as opened:
        opened.fleet.start(2)
        with opened.load(ONCE):
            opened.until_at_work()
            for _ in range(size(20, 600)):
                opened.proxy.delay = opened.random.choice((0, 0, 0.002, 0.02))
                [harm] = opened.random.choices((_kill_clients, _cut, _sleep), (6, 3, 1))
                harm(opened)
                time.sleep(opened.random.uniform(0, 0.3))
            opened.proxy.delay = 0
            opened.until_at_work(seconds=10)

        report = opened.check("F12 flapping Redis", once=True, succeed=True)
    assert_kept(report)


@pytest.mark.slow
def test_f13_workers_come_back_from_a_black_hole_amid_short_jobs(assert_kept):
    """F13: while one job runs, the one before it ends in Redis, and the next is reserved."""
    with desk(SEED + 113) as opened:
        opened.fleet.start()
        opened.flood(1_000, "effect")
        wait_until(lambda: len(opened.effects.all()) > 400, what="the worker reserves ahead")
        opened.proxy.black_hole()
        time.sleep(4)
        opened.proxy.open()
        opened.until_at_work(seconds=30)

        report = opened.check("F13 black hole amid short jobs", once=True, succeed=True)
    assert_kept(report)


def test_f13_workers_come_back_from_a_black_hole(assert_kept):
    """F13: nothing that is sent arrives, and no connection is closed. Ten seconds after it opens, jobs run."""
    with desk(SEED + 13) as opened:
        pool = opened.fleet.start(size(1, 2))
        opened.until_online(*pool)
        waits = []
        for seconds in size([4], [4, 20, 45]):
            with opened.load(ONCE):
                opened.until_at_work()
                opened.submit("effect_high", seconds=1)
                opened.proxy.black_hole()
                time.sleep(seconds)
                opened.proxy.open()
                began = time.monotonic()
                opened.until_at_work(seconds=30)
                waits.append(time.monotonic() - began)

        report = opened.check("F13 black hole", once=True, succeed=True)
    report.expect(max(waits) <= 10, f"jobs ran again after {max(waits):.1f} s")
    assert_kept(report)
