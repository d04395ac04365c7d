"""A Redis that has reached its maxmemory while jobs end: F10."""

from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.faults.catalog import OFTEN
from tests.faults.harness import start_rig
from tests.faults.scale import LIMIT, SEED, promised, size

pytestmark = pytest.mark.timeout(LIMIT)
ENDINGS = ("plain", "dependent", "repeated", "not kept")
ENOUGH = 1_000_000_000  # bytes


@pytest.mark.slow
def test_f10_jobs_that_end_while_redis_is_full_succeed(assert_kept):
    """F10: also jobs that RQ's own code ends, and while a worker is killed. Results are stored when there is room."""
    with start_rig(SEED + 10, processes=len(ENDINGS)) as rig:
        pool = rig.fleet.start(2)
        rig.until_online(*pool)
        for _ in range(size(1, 5)):
            with rig.load(OFTEN):
                rig.until_at_work()
                running = [rig.enqueue(name, "retrying_high", seconds=1.5) for name in ENDINGS]
                begun = set(running[:1])
                wait_until(lambda begun=begun: begun <= rig.effects.counts("begin").keys(), what="jobs run")
                rig.redis.config_set("maxmemory", "1mb")
                time.sleep(size(2, 30))
                rig.kill(pool.pop(0))
                pool += rig.fleet.start()
                time.sleep(size(1, 20))
                rig.redis.config_set("maxmemory", ENOUGH)
                rig.until_at_work(seconds=promised(30))
            if size(True, False):
                rig.expire_leases()

        report = rig.check("F10 Redis full", succeed=True)
    assert_kept(report)
