"""What a task with at_most_once is promised: a job that has begun never begins again, whatever befalls its worker."""

from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.faults.harness import desk

DELAY = 0.15  # seconds
pytestmark = pytest.mark.timeout(60)


def test_a_job_that_runs_when_its_worker_is_stopped_fails_and_never_begins_again():
    with desk(31) as opened:
        [worker] = opened.fleet.start()
        job_id = opened.submit("effect_once", seconds=30)
        opened.until_running(job_id)

        worker.terminate()
        assert worker.wait(15) == 0

        job = opened.jobs.get(job_id)
        assert (job.status, job.error["type"]) == ("failed", "WorkerStopped")
        assert opened.effects.counts("begin") == {job_id: 1}


def test_a_job_whose_worker_is_lost_before_redis_hears_of_its_begin_never_begins_again():
    """Packets are slow, so there is time between the begin and the moment at which Redis could know of it."""
    with desk(32) as opened:
        [lost] = opened.fleet.start()
        opened.flood(100, "effect")  # so short that from now on the next job is reserved ahead
        wait_until(lambda: len(opened.effects.counts("end")) == 100, what="the worker is warm")
        opened.proxy.delay = DELAY
        opened.flood(2, "effect")  # after the first, statistics are written
        job_id = opened.submit("effect_once", seconds=30)
        wait_until(lambda: opened.effects.of(job_id), what="the job begins")
        opened.proxy.black_hole()
        opened.kill(lost)
        time.sleep(DELAY)  # what was under way is swallowed, too

        opened.proxy.delay = 0
        opened.proxy.open()
        opened.fleet.start()
        opened.until_final(opened.submit("effect_high"))
        opened.expire_leases()

        job = opened.until_final(job_id)
        assert (job.status, job.error["type"]) == ("failed", "WorkerLost")
        assert opened.effects.counts("begin")[job_id] == 1
