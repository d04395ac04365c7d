"""A worker that was frozen for longer than a lease, while its jobs ran elsewhere, and goes on then: F04."""

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
FROZEN = 60  # seconds; the selection lets the lease expire instead
TASKS = ("effect", "effect_once", "retrying")
ENDINGS = ("dependent", "repeated", "not kept")  # of jobs that RQ's own code ends
JOBS = len(TASKS + ENDINGS)


@pytest.mark.parametrize("first", ["the children first", pytest.param("the supervisors first", marks=pytest.mark.slow)])
def test_f04_what_a_worker_writes_after_its_lease_is_refused(assert_kept, first):
    """F04: its jobs have another execution by then, or have failed; none has two ends, or two results of one."""
    with start_rig(SEED + 4, processes=JOBS) as rig:
        for _ in range(size(1, 3)):
            zombie, frozen = _freeze_at_work(rig)
            rig.fleet.start(WORKERS="2")
            if ALL:
                time.sleep(FROZEN)
            _until_all_have_ended(rig)
            for pid in reversed(frozen) if first == "the children first" else frozen:
                send(pid, signal.SIGCONT)
                time.sleep(0.1)  # so that they come back in this order
            rig.until_online(zombie)  # its record was removed with its lease
            zombie.terminate()
            zombie.wait(60)

        report = rig.check(f"F04 zombies, {first}")
        report.expect(report.counts["failed"] == size(2, 6), f"{report.counts['failed']} jobs failed")
    assert_kept(report)


def _freeze_at_work(rig: Rig) -> tuple[Worker, list[int]]:
    """A worker each of whose processes runs a job, frozen; the ids of its processes, supervisors before children."""
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
