"""A worker is frozen for longer than its lease, its jobs run elsewhere, and then it goes on: F04."""

from __future__ import annotations

import signal
import time

import pytest

from taskdesk.jobs.keys import RQ_WORKERS
from tests.conftest import wait_until
from tests.faults.fleet import Worker, send
from tests.faults.harness import Rig, start_rig
from tests.faults.scale import ALL, LIMIT, SEED, size

pytestmark = pytest.mark.timeout(LIMIT)
FROZEN_SECONDS = 60  # at full size; else the test lets the lease expire
TASKS = ("effect", "effect_once", "retrying")
ENDINGS = ("dependent", "repeated", "not kept")  # of jobs that RQ's own code ends
JOBS = len(TASKS + ENDINGS)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["the children first", pytest.param("the supervisors first", marks=pytest.mark.slow)])
def test_f04_a_write_of_a_worker_after_its_lease_is_refused(assert_kept, first):
    """F04: its jobs have another execution by then, or have failed. None ends twice; no execution has two results."""
    with start_rig(SEED + 4, processes=JOBS) as rig:
        for _ in range(size(1, 3)):
            zombie, frozen = _freeze_at_work(rig)
            rig.fleet.start(WORKERS="2")
            if ALL:
                time.sleep(FROZEN_SECONDS)
            _until_all_have_ended(rig)
            for pid in reversed(frozen) if first == "the children first" else frozen:
                send(pid, signal.SIGCONT)
                time.sleep(0.1)  # so that they come back in this order
            rig.until_online(zombie)  # its record was removed when its lease expired
            zombie.terminate()
            zombie.wait(60)

        report = rig.check(f"F04 zombies, {first}")
        report.expect(report.counts["failed"] == size(2, 6), f"{report.counts['failed']} jobs failed")
    assert_kept(report)


def _freeze_at_work(rig: Rig) -> tuple[Worker, list[int]]:
    """Freeze a worker when each of its processes runs a job. Return it and its pids, supervisors first."""
    before = rig.redis.scard(RQ_WORKERS)
    [zombie] = rig.fleet.start()
    wait_until(lambda: rig.redis.scard(RQ_WORKERS) == before + JOBS, what="all of its processes are online")
    begun = len(rig.effects.counts("begin"))
    for task in TASKS:
        rig.submit(task, seconds=3)
    for name in ENDINGS:
        rig.enqueue(name, "retrying", seconds=3)
    wait_until(lambda: len(rig.effects.counts("begin")) == begun + JOBS, what="all jobs have begun")
    return zombie, rig.freeze(zombie)


def _until_all_have_ended(rig: Rig) -> None:
    def have_ended() -> bool:
        if not ALL:
            rig.expire_leases()
        return rig.is_drained()

    wait_until(have_ended, what="all jobs have ended elsewhere")
