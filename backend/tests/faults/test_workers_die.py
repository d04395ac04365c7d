"""Workers are killed or stopped, as a whole or in part, or killed by their jobs: F01, F02, F03, F05."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from taskdesk.jobs.fields import ERROR
from tests.conftest import wait_until
from tests.faults.catalog import OFTEN, ONCE
from tests.faults.fleet import alive, parents, send
from tests.faults.harness import Rig, start_rig
from tests.faults.ledger import ACCEPTED
from tests.faults.scale import ALL, LIMIT, SEED, promised, size

pytestmark = pytest.mark.timeout(LIMIT)


# F01 and F03 need leases to expire: they begin first, and are checked last. Only FAULTS=all waits for the leases.


@pytest.fixture(scope="module")
def killed_trees() -> Iterator[Rig]:
    with start_rig(SEED) as rig:
        pool = rig.fleet.start(size(2, 4))
        rig.backlog(50)
        rig.until_online(*pool)
        with rig.load():
            for _ in range(size(3, 250)):
                victim = pool.pop(0)
                rig.until_online(victim)
                time.sleep(rig.random.uniform(0, 0.3))
                rig.kill(victim)
                pool += rig.fleet.start()
            rig.until_at_work()
        yield rig


def test_f01_the_others_work_on_when_whole_trees_are_killed(killed_trees):
    """F01, first part: kill -9 of a worker's whole tree under backlog. The other workers and new ones go on."""
    rig = killed_trees

    rig.until_final(rig.submit("retrying_high"))


@pytest.fixture(scope="module")
def killed_among_short_jobs() -> Iterator[tuple[Rig, int]]:
    """Trees are killed while a worker has prefetched a job: the rig, and how many were."""
    kills = size(3, 100)
    with start_rig(SEED + 101) as rig:
        pool = rig.fleet.start(2)
        for _ in range(kills):
            victim = pool.pop(0)
            rig.until_online(victim)
            rig.flood(1_000, rig.random.choice(ONCE))
            rig.until_at_work()
            time.sleep(rig.random.uniform(0, 0.05))
            rig.kill(victim)
            pool += rig.fleet.start()
        yield rig, kills


@pytest.mark.slow
def test_f01_a_job_that_is_prefetched_is_not_in_the_way(killed_among_short_jobs):
    """F01, second part: the same among jobs so short that the next one is prefetched."""
    killed_among_short_jobs[0].until_final(killed_among_short_jobs[0].submit("effect_high"))


@pytest.fixture(scope="module")
def orphaned() -> Iterator[tuple[Rig, list[float]]]:
    """Supervisors are killed under their child: the rig, and how long each child lived on (seconds)."""
    lived: list[float] = []
    with start_rig(SEED + 3) as rig:
        rig.fleet.start()
        for task in size(["retrying", "effect"], ["retrying", "effect"] * 10):
            child = rig.until_running(rig.submit(task, seconds=3)).pid
            supervisor = parents()[child]
            send(supervisor, signal.SIGKILL)
            began = time.monotonic()
            while alive(child) and time.monotonic() < began + 4:
                time.sleep(0.01)
            lived.append(time.monotonic() - began)
            rig.killed([supervisor, child])
        yield rig, lived


def test_f03_a_child_dies_with_its_supervisor(orphaned):
    """F03, first part: kill -9 of the supervisor only; its child is gone within a second."""
    assert max(orphaned[1]) <= 1


@pytest.mark.slow
def test_f02_a_worker_that_is_stopped_under_backlog_loses_nothing(assert_kept):
    """F02: SIGTERM under backlog. Each worker ends within its grace time with exit status 0, and no job fails."""
    with start_rig(SEED + 2) as rig:
        pool = rig.fleet.start(size(2, 4))
        rig.backlog(50, ONCE)
        statuses, times = Counter(), []
        with rig.load(OFTEN + ONCE):
            for turn in range(size(5, 250)):
                leaving = pool.pop(0)
                rig.until_online(leaving)
                if turn % 5 == 0:
                    rig.submit("effect_high", seconds=3)  # longer than the grace time: it is requeued
                time.sleep(rig.random.uniform(0, 0.3))
                pool += rig.fleet.start()
                began = time.monotonic()
                leaving.terminate()
                statuses[leaving.wait(60)] += 1
                times.append(time.monotonic() - began)

        report = rig.check("F02 SIGTERM", succeed=True)
    report.expect(set(statuses) == {0}, f"exit statuses: {dict(statuses)} (None: it hung)")
    report.expect(max(times) <= promised(6), f"one took {max(times):.1f} s to stop")
    assert_kept(report)


@pytest.mark.slow
def test_f05_a_job_that_kills_its_worker_three_times_is_poison_and_fails(assert_kept):
    """F05: the job fails after its third loss, with a reason. Jobs around it run once, and succeed."""
    with start_rig(SEED + 5) as rig:
        rig.backlog(20, ONCE)
        poisonous = [rig.submit("poison") for _ in range(size(1, 10))]
        rig.backlog(20, ONCE)
        rig.fleet.start(2)
        rig.until_at_work()

        report = rig.check("F05 poison")
        begun = rig.effects.counts("begin")
        for job_id in poisonous:
            job = rig.jobs.get(job_id)
            report.expect(job.status == "failed" and bool(job.error and job.error["detail"]), f"poison: {job}")
            report.expect(begun[job_id] == 3, f"the poison ran {begun[job_id]} times")
        others = {job_id: entry for job_id, entry in rig.ledger.entries(ACCEPTED).items() if job_id not in poisonous}
        ran_once = all(begun.get(job_id, 0) == entry.ending.runs for job_id, entry in others.items())
        report.expect(ran_once, "a job beside the poison did not run just once")
        report.expect(report.counts["failed"] == len(poisonous), "a job beside the poison failed")
    assert_kept(report)


@pytest.mark.slow
def test_f05_a_job_that_eats_the_memory_fails_alone(assert_kept):
    """F05: each process may use 1.5 GB. The job that wants more fails, and the worker goes on."""
    with start_rig(SEED + 55) as rig:
        rig.fleet.start(memory=1_500_000_000)
        hungry = [rig.submit("eats_memory") for _ in range(size(1, 5))]
        rig.backlog(10, ONCE)
        rig.until_at_work()

        report = rig.check("F05 memory")
        for job_id in hungry:
            job = rig.jobs.get(job_id)
            report.expect(job.status == "failed" and bool(job.error and job.error["detail"]), f"hungry: {job}")
        report.expect(report.counts["failed"] == len(hungry), "a job beside the hungry one failed")
    assert_kept(report)


# Checked last


@pytest.mark.slow
def test_templates_die_and_no_job_is_lost(assert_kept):
    """kill -9 of the process that the children are forked from: the child and its job go on, and later ones follow."""
    with start_rig(SEED + 6) as rig:
        [worker] = rig.fleet.start()
        rig.until_online(worker)
        with rig.load(OFTEN + ONCE):
            for _ in range(size(6, 20)):
                template = wait_until(lambda: rig.fleet.template_of(worker), what="the template is there")
                child = rig.until_running(rig.submit("retrying_high", seconds=0.1)).pid
                time.sleep(rig.random.uniform(0, 0.1))
                send(template, signal.SIGKILL)
                time.sleep(rig.random.uniform(0, 0.1))
                rig.killed([child])
                send(child, signal.SIGKILL)  # the next one needs another template
            rig.until_at_work()
        report = rig.check("templates die", succeed=False)
    assert_kept(report)
    assert rig.fleet.died() == {}


def _after_leases(rig: Rig) -> Rig:
    if not ALL:
        rig.expire_leases()
    return rig


def _error_type(rig: Rig, job_id: str) -> str:
    return str(json.loads(rig.redis.hget(f"rq:job:{job_id}", ERROR) or b"{}").get("type", ""))


@pytest.mark.slow
def test_f03_a_job_that_lost_its_supervisor_has_one_end(orphaned, assert_kept):
    """F03: the writes of the child before its death and those of the sweep add up to one final status."""
    assert_kept(_after_leases(orphaned[0]).check("F03 supervisor killed"))


@pytest.mark.slow
def test_f01_a_job_that_was_prefetched_runs_once(killed_among_short_jobs, assert_kept):
    """F01: a job that had begun has failed, because it has no retries; one that was only prefetched runs once."""
    rig, kills = killed_among_short_jobs
    report = _after_leases(rig).check("F01 trees killed among short jobs", once=True)
    report.expect(report.counts["failed"] <= kills, f"{report.counts['failed']} jobs failed after {kills} kills")
    assert_kept(report)


def test_f01_every_job_of_a_killed_worker_ends(killed_trees, assert_kept):
    """F01: the jobs of the killed trees run again or were requeued. None is lost or stuck, and none fails unless it
    lost three workers, which happens now and then in 250 kills.
    """
    report = _after_leases(killed_trees).check("F01 trees killed")
    accepted = killed_trees.ledger.entries(ACCEPTED).items()
    meant_to_succeed = [job_id for job_id, entry in accepted if entry.ending.becomes != "failed"]
    failed = [job_id for job_id in meant_to_succeed if _error_type(killed_trees, job_id)]
    report.expect(all(_error_type(killed_trees, job_id) == "Poison" for job_id in failed), f"{failed} failed")
    report.expect(len(failed) <= size(0, 3), f"{len(failed)} jobs failed")
    if report.recovery:
        late = sorted(report.recovery)[int(0.99 * (len(report.recovery) - 1))]
        report.expect(late <= 45, f"99 of 100 recoveries took {late:.1f} s")
    assert_kept(report)
