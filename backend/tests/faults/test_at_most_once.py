"""A job of a task with at_most_once never begins a second time, whatever happens to its worker."""

from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.faults.harness import start_rig
from tests.faults.scale import LIMIT

DELAY = 0.15  # seconds
pytestmark = pytest.mark.timeout(LIMIT)


@pytest.mark.slow
def test_a_job_that_runs_when_its_worker_is_stopped_fails_and_never_begins_again():
    with start_rig(31) as rig:
        [worker] = rig.fleet.start()
        job_id = rig.submit("effect_once", seconds=30)
        rig.until_running(job_id)

        worker.terminate()
        assert worker.wait(60) == 0

        job = rig.jobs.get(job_id)
        assert (job.status, job.error["type"]) == ("failed", "WorkerStopped")
        assert rig.effects.counts("begin") == {job_id: 1}


@pytest.mark.slow
def test_a_job_whose_worker_is_lost_before_redis_knows_that_it_began_never_begins_again():
    """Packets are slow, so there is time between the start of the job and the moment at which Redis could know."""
    with start_rig(32) as rig:
        [lost] = rig.fleet.start()
        rig.flood(100, "effect")  # so short that from now on the next job is prefetched
        wait_until(lambda: len(rig.effects.counts("end")) == 100, what="the worker is warm")
        rig.proxy.delay = DELAY
        rig.flood(2, "effect")  # after the first, statistics are written
        job_id = rig.submit("effect_once", seconds=30)
        wait_until(lambda: rig.effects.of(job_id), what="the job begins")
        rig.proxy.black_hole()
        rig.kill(lost)
        time.sleep(DELAY)  # also swallow packets that are still under way

        rig.proxy.delay = 0
        rig.proxy.open()
        rig.fleet.start()
        rig.until_final(rig.submit("effect_high"))
        rig.expire_leases()

        job = rig.until_final(job_id)
        assert (job.status, job.error["type"]) == ("failed", "WorkerLost")
        assert rig.effects.counts("begin")[job_id] == 1
