"""A Redis that has reached its maxmemory while jobs end: F10."""

from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.faults.catalog import OFTEN
from tests.faults.harness import desk
from tests.faults.scale import LIMIT, SEED, size

pytestmark = pytest.mark.timeout(LIMIT)
ENDINGS = ("plain", "dependent", "repeated", "not kept")
ENOUGH = 1_000_000_000  # bytes


def test_f10_jobs_that_end_while_redis_is_full_succeed(assert_kept):
    """F10: also those that RQ's own code ends, and while a worker is killed. What ran is stored when there is room."""
    with desk(SEED + 10, processes=len(ENDINGS)) as opened:
        pool = opened.fleet.start(2)
        opened.until_online(*pool)
        for _ in range(size(1, 5)):
            with opened.load(OFTEN):
                opened.until_at_work()
                running = [opened.enqueue(name, "retrying_high", seconds=1.5) for name in ENDINGS]
                begun = set(running[:1])
                wait_until(lambda begun=begun: begun <= opened.effects.counts("begin").keys(), what="jobs run")
                opened.redis.config_set("maxmemory", "1mb")
                time.sleep(size(2, 30))
                opened.kill(pool.pop(0))
                pool += opened.fleet.start()
                time.sleep(size(1, 20))
                opened.redis.config_set("maxmemory", ENOUGH)
                opened.until_at_work(seconds=30)
            if size(True, False):
                opened.expire_leases()

        report = opened.check("F10 Redis full", succeed=True)
    assert_kept(report)
