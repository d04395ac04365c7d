"""Redis is killed, frozen, slow, out of reach, or has lost data: F06, F07, F08, F12, F13."""

from __future__ import annotations

import time

import pytest
from redis.exceptions import ResponseError

from tests.conftest import wait_until
from tests.faults.catalog import OFTEN, ONCE
from tests.faults.harness import Rig, start_rig
from tests.faults.scale import LIMIT, SEED, promised, size

pytestmark = pytest.mark.timeout(LIMIT)


@pytest.mark.slow
def test_f06_workers_come_back_when_redis_was_killed(assert_kept):
    """F06: kill -9 of Redis, back after 0.2–5 s with data to load, while workers idle and while they work."""
    with start_rig(SEED + 6) as rig:
        rig.add_history(size(20_000, 200_000))
        pool = rig.fleet.start(size(1, 2))
        rig.until_online(*pool)
        for _ in range(size(1, 20)):
            _kill_redis(rig)  # while idle
            rig.until_final(rig.submit("effect"), seconds=promised(15))
            with rig.load(ONCE):
                rig.until_at_work()
                rig.submit("effect_high", seconds=1)
                _kill_redis(rig)
                rig.until_at_work(seconds=promised(15))

        report = rig.check("F06 Redis killed", once=True, succeed=True)
        report.expect(all(worker.is_alive for worker in pool), "a worker died")
    assert_kept(report)


def _kill_redis(rig: Rig) -> None:
    time.sleep(rig.random.uniform(0, 0.3))
    rig.server.kill()
    time.sleep(rig.random.uniform(0.2, size(2, 5)))
    rig.server.start()


@pytest.mark.slow
def test_f08_after_redis_has_lost_its_last_writes_all_keys_agree(assert_kept):
    """F08: kill -9 of Redis, and its file loses 20 kB. The jobs in there begin again or are gone, others run once."""
    with start_rig(SEED + 8) as rig:
        pool = rig.fleet.start(2)
        rig.until_online(*pool)
        for _ in range(size(1, 20)):
            with rig.load(ONCE + OFTEN):
                rig.until_at_work()
                time.sleep(rig.random.uniform(0.5, 1))
                forgotten = rig.forget(20_000)
                rig.until_at_work(seconds=promised(15))
            rig.until_final(rig.submit("effect"), seconds=promised(15))

        report = rig.check("F08 Redis's file cut", once=True)
        report.expect(forgotten > 0, "the cut was harmless")
        report.expect(all(worker.is_alive for worker in pool), "a worker died")
    assert_kept(report)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", size([10], [10, 45]))
def test_f07_a_frozen_redis_makes_no_job_run_twice(assert_kept, seconds):
    """F07: SIGSTOP of Redis, also for longer than a lease. No worker is dead, so no job is taken over: all run once.

    A job that ends meanwhile is within its time limit, however long its result has to wait.
    """
    with start_rig(SEED + 7) as rig:
        rig.fleet.start(2)
        with rig.load(ONCE):
            rig.until_at_work()
            for running in (rig.submit("effect_high", seconds=2), rig.submit("limited", seconds=1)):
                rig.until_running(running)
            rig.server.freeze()
            time.sleep(seconds)
            rig.server.thaw()
            rig.until_at_work(seconds=promised(10))

        report = rig.check(f"F07 Redis frozen for {seconds} s", once=True, succeed=True)
    assert_kept(report)


def _kill_clients(rig: Rig) -> None:
    rig.redis.client_kill_filter(_type="normal")


def _cut(rig: Rig) -> None:
    rig.proxy.cut()


def _sleep(rig: Rig) -> None:
    """Let Redis sleep. One that forbids DEBUG (7 and later) is frozen instead, which looks the same from outside."""
    seconds = rig.random.uniform(0.2, 2)
    try:
        rig.redis.execute_command("DEBUG", "SLEEP", seconds)
    except ResponseError:
        rig.server.freeze()
        time.sleep(seconds)
        rig.server.thaw()


@pytest.mark.slow
def test_f12_a_slow_and_flapping_redis_makes_no_job_run_twice(assert_kept):
    """F12: every connection is closed again and again, packets come late, Redis sleeps. No job is taken over."""
    with start_rig(SEED + 12) as rig:
        rig.fleet.start(2)
        with rig.load(ONCE):
            rig.until_at_work()
            for _ in range(size(20, 600)):
                rig.proxy.delay = rig.random.choice((0, 0, 0.002, 0.02))
                [harm] = rig.random.choices((_kill_clients, _cut, _sleep), (6, 3, 1))
                harm(rig)
                time.sleep(rig.random.uniform(0, 0.3))
            rig.proxy.delay = 0
            rig.until_at_work(seconds=promised(10))

        report = rig.check("F12 flapping Redis", once=True, succeed=True)
    assert_kept(report)


@pytest.mark.slow
def test_f13_workers_come_back_from_a_black_hole_amid_short_jobs(assert_kept):
    """F13: while one job runs, the one before it ends in Redis, and the next one is prefetched."""
    with start_rig(SEED + 113) as rig:
        rig.fleet.start()
        rig.flood(1_000, "effect")
        wait_until(lambda: len(rig.effects.all()) > 400, what="the worker prefetches")
        rig.proxy.black_hole()
        time.sleep(4)
        rig.proxy.open()
        rig.until_at_work()

        report = rig.check("F13 black hole amid short jobs", once=True, succeed=True)
    assert_kept(report)


@pytest.mark.slow
def test_f13_workers_come_back_from_a_black_hole(assert_kept):
    """F13: nothing that is sent arrives, and no connection is closed. Jobs run within ten seconds after that ends."""
    with start_rig(SEED + 13) as rig:
        pool = rig.fleet.start(size(1, 2))
        rig.until_online(*pool)
        waits = []
        for seconds in size([4], [4, 20, 45]):
            with rig.load(ONCE):
                rig.until_at_work()
                rig.submit("effect_high", seconds=1)
                rig.proxy.black_hole()
                time.sleep(seconds)
                rig.proxy.open()
                began = time.monotonic()
                rig.until_at_work()
                waits.append(time.monotonic() - began)

        report = rig.check("F13 black hole", once=True, succeed=True)
    report.expect(max(waits) <= promised(10), f"jobs ran again after {max(waits):.1f} s")
    assert_kept(report)
