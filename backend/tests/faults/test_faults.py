"""What a worker must survive: each test is a scenario of faults, and ends with the check of what is promised.

A small, seeded selection runs with all other tests. FAULTS=all (`make faults`) runs them at full size.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from jobkit.job import ERROR
from jobkit.redis import JOBS
from tests.conftest import wait_until
from tests.faults.fleet import alive, parents, send
from tests.faults.harness import OFTEN, ONCE, Desk, desk
from tests.faults.ledger import REFUSED

ALL = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("FAULTS_SEED", "1"))
LIMIT = 900 if ALL else 75  # seconds for one scenario

pytestmark = pytest.mark.timeout(LIMIT)


def size(small, full):
    return full if ALL else small


# F01, F03 and F22 need time to pass (a lease to run out, back-offs): they begin first, and are looked at last. The
# selection does not wait for leases.


@pytest.fixture(scope="module")
def killed_trees() -> Iterator[Desk]:
    with desk(SEED) as opened:
        pool = opened.fleet.start(size(2, 4))
        opened.backlog(50)
        opened.until_online(*pool)
        with opened.load():
            for _ in range(size(3, 250)):
                victim = pool.pop(0)
                opened.until_online(victim)
                time.sleep(opened.random.uniform(0, 0.3))
                opened.kill(victim)
                pool += opened.fleet.start()
            opened.until_at_work()
        yield opened


def test_f01_the_others_work_on_when_whole_trees_are_killed(killed_trees):
    """F01, first part: kill -9 of a worker's whole tree under backlog; who is left or new goes on working."""
    opened = killed_trees

    opened.until_final(opened.submit("retrying_high"))


@pytest.fixture(scope="module")
def killed_among_short_jobs() -> Iterator[tuple[Desk, int]]:
    """Trees are killed while a worker has a job reserved ahead: the desk, and how many were."""
    kills = size(3, 100)
    with desk(SEED + 101) as opened:
        pool = opened.fleet.start(2)
        for _ in range(kills):
            victim = pool.pop(0)
            opened.until_online(victim)
            opened.flood(1_000, opened.random.choice(ONCE))
            opened.until_at_work()
            time.sleep(opened.random.uniform(0, 0.05))
            opened.kill(victim)
            pool += opened.fleet.start()
        yield opened, kills


def test_f01_a_job_that_is_reserved_ahead_is_not_in_the_way(killed_among_short_jobs):
    """F01, second part: the same among jobs so short that the next one is reserved ahead."""
    killed_among_short_jobs[0].until_final(killed_among_short_jobs[0].submit("effect_high"))


@pytest.fixture(scope="module")
def orphaned() -> Iterator[tuple[Desk, list[float]]]:
    """Supervisors are killed under their child: the desk, and how long each child lived on (seconds)."""
    lived: list[float] = []
    with desk(SEED + 3) as opened:
        opened.fleet.start()
        for task in size(["retrying", "effect"], ["retrying", "effect"] * 10):
            child = opened.until_running(opened.submit(task, seconds=3)).pid
            supervisor = parents()[child]
            send(supervisor, signal.SIGKILL)
            began = time.monotonic()
            while alive(child) and time.monotonic() < began + 4:
                time.sleep(0.01)
            lived.append(time.monotonic() - began)
            opened.killed([supervisor, child])
        yield opened, lived


def test_f03_a_child_dies_with_its_supervisor(orphaned):
    """F03, first part: kill -9 of the supervisor only; its child is gone within a second."""
    assert max(orphaned[1]) <= 1


@pytest.fixture(scope="module")
def failing() -> Iterator[Desk]:
    with desk(SEED + 22) as opened:
        for _ in range(size(300, 5_000)):
            opened.submit("fails", times=2)
        opened.fleet.start()
        yield opened


def test_f22_failing_jobs_do_not_keep_the_others_waiting(failing):
    """F22, first part: jobs that fail and are tried again leave room for one that is urgent."""
    failing.until_at_work()

    failing.until_final(failing.submit("effect_high"), seconds=10)


def test_f02_a_worker_that_is_stopped_under_backlog_loses_nothing(assert_kept):
    """F02: SIGTERM under backlog. Each worker ends within its grace time, with exit code 0; no job fails."""
    with desk(SEED + 2) as opened:
        pool = opened.fleet.start(size(2, 4))
        opened.backlog(50, ONCE)
        statuses, times = Counter(), []
        with opened.load(OFTEN + ONCE):
            for turn in range(size(5, 250)):
                leaving = pool.pop(0)
                opened.until_online(leaving)
                if turn % 5 == 0:
                    opened.submit("effect_high", seconds=3)  # longer than the grace time: it goes back
                time.sleep(opened.random.uniform(0, 0.3))
                pool += opened.fleet.start()
                began = time.monotonic()
                leaving.terminate()
                statuses[leaving.wait(20)] += 1
                times.append(time.monotonic() - began)

        report = opened.check("F02 SIGTERM", succeed=True)
    report.expect(set(statuses) == {0}, f"exit statuses: {dict(statuses)} (None: it hung)")
    report.expect(max(times) <= 6, f"one took {max(times):.1f} s to stop")
    assert_kept(report)


def test_f05_a_job_that_kills_its_worker_three_times_is_given_up(assert_kept):
    """F05: poison. It has failed after its third loss, with a reason; jobs around it run once, and succeed."""
    with desk(SEED + 5) as opened:
        opened.backlog(20, ONCE)
        poisonous = [opened.submit("poison") for _ in range(size(1, 10))]
        opened.backlog(20, ONCE)
        opened.fleet.start(2)
        opened.until_at_work()

        report = opened.check("F05 poison")
        begun = opened.effects.counts("begin")
        for job_id in poisonous:
            job = opened.jobs.get(job_id)
            report.expect(job.status == "failed" and bool(job.error and job.error["detail"]), f"poison: {job}")
            report.expect(begun[job_id] == 3, f"the poison ran {begun[job_id]} times")
        others = [job_id for job_id in opened.ledger.tasks("accepted") if job_id not in poisonous]
        report.expect({begun[job_id] for job_id in others} == {1}, "a job beside the poison did not run just once")
        report.expect(report.counts["failed"] == len(poisonous), "a job beside the poison failed")
    assert_kept(report)


def test_f05_a_job_that_eats_the_memory_fails_alone(assert_kept):
    """F05: each process may have 1.5 GB. The job that wants more fails, and the worker goes on."""
    with desk(SEED + 55) as opened:
        opened.fleet.start(memory=1_500_000_000)
        hungry = [opened.submit("eats_memory") for _ in range(size(1, 5))]
        opened.backlog(10, ONCE)
        opened.until_at_work()

        report = opened.check("F05 memory")
        for job_id in hungry:
            job = opened.jobs.get(job_id)
            report.expect(job.status == "failed" and bool(job.error and job.error["detail"]), f"hungry: {job}")
        report.expect(report.counts["failed"] == len(hungry), "a job beside the hungry one failed")
    assert_kept(report)


def test_f06_workers_come_back_when_redis_was_killed(assert_kept):
    """F06: kill -9 of Redis, back after 0.2–5 s, while the workers idle and while they work."""
    with desk(SEED + 6) as opened:
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
    with desk(SEED + 12, through_proxy=True) as opened:
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


def test_f13_workers_come_back_from_a_black_hole_amid_short_jobs(assert_kept):
    """F13: while one job runs, the one before it ends in Redis, and the next is reserved."""
    with desk(SEED + 113, through_proxy=True) as opened:
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
    with desk(SEED + 13, through_proxy=True) as opened:
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


@pytest.mark.parametrize("message", ["arrives late", "is lost"])
def test_f20_a_running_job_is_stopped_whatever_happened_to_pub_sub(assert_kept, message):
    """F20: the workers' subscriptions are cut just before a stop, or so often that its message is lost."""
    with desk(SEED + 20) as opened:
        opened.fleet.start()
        for _ in range(size(1, 10)):
            job_id = opened.submit("effect", seconds=20)
            opened.until_running(job_id)
            opened.redis.client_kill_filter(_type="pubsub")
            if message == "is lost":
                with _without_pub_sub(opened):
                    opened.jobs.cancel(job_id)
            else:
                opened.jobs.cancel(job_id)
            job = opened.until_final(job_id, seconds=5)
            assert job.status == "canceled"

        report = opened.check(f"F20 stop, the message {message}")
        report.expect(not opened.effects.counts("end").get(job_id), "the stopped job ran to its end")
    assert_kept(report)


@contextmanager
def _without_pub_sub(opened: Desk) -> Iterator[None]:
    """While the block runs, and half a second longer, no subscription outlives a few milliseconds."""
    ended = threading.Event()

    def cut() -> None:
        while not ended.wait(0.005):
            opened.redis.client_kill_filter(_type="pubsub")

    thread = threading.Thread(target=cut, name="cutter")
    thread.start()
    try:
        yield
        time.sleep(0.5)
    finally:
        ended.set()
        thread.join()


PICKLE = "cos\nsystem\n(S'touch {canary}'\ntR."
DAMAGE = {  # fields that are deleted, or set
    "no data": {"data": None},
    "nothing but a status": {"data": None, "origin": None, "created_at": None, "timeout": None, "enqueued_at": None},
    "cut data": {"data": b'["tests.faults.tasks.effect", null, ['},
    "a pickle": {"data": PICKLE},
    "a packed pickle": {"data": zlib.compress(PICKLE.encode())},
    "a pickle as meta too": {"data": PICKLE, "meta": PICKLE},
    "odd JSON": {"data": b'{"a": 1}'},
}
HARMLESS = {  # such a job may run, or fail with a reason
    "no times": {"created_at": None, "enqueued_at": None},
    "no origin": {"origin": None},
    "no status": {"status": None},
    "no limit": {"timeout": None},
    "a limit that is none": {"timeout": b"soon"},
    "a time that is none": {"created_at": b"yesterday", "enqueued_at": b""},
    "a pickle as meta": {"meta": PICKLE},
    "retries that are none": {"retries_left": b"many", "retry_intervals": b"[[["},
}


def test_f29_a_damaged_job_fails_with_a_reason_and_is_never_unpickled(assert_kept, tmp_path):
    """F29: a job hash that lost fields, or holds a pickle. Only this job fails, and it says why.

    What is no JSON waits for a stock worker that may read it, here for two seconds.
    """
    canary = tmp_path / "canary"
    with desk(SEED + 29) as opened:
        damaged = {}
        for name, fields in {**DAMAGE, **HARMLESS}.items():
            damaged[name] = opened.submit("effect")
            _damage(opened, damaged[name], fields, canary)
            opened.submit("effect")
        _vanish(opened, opened.submit("effect"))
        opened.fleet.start(FOREIGN_TTL="2")
        opened.until_at_work()
        opened.submit("effect_low")

        report = opened.check("F29 damaged jobs", once=True)
        for name, job_id in damaged.items():
            status, error = opened.redis.hmget(f"rq:job:{job_id}", "status", ERROR)
            report.expect(status == b"failed" or name in HARMLESS, f"{name}: {status}")
            report.expect(status != b"failed" or bool(json.loads(error or b"{}").get("detail")), f"{name}: no reason")
        report.expect(report.counts["failed"] <= len(damaged), "a job beside the damaged ones failed")
        report.expect(not canary.exists(), "a pickle was loaded")
    assert_kept(report)


def _vanish(opened: Desk, job_id: str) -> None:
    """Leave nothing of a job but its entry in the queue: it can't fail, as nothing is left of it."""
    opened.redis.delete(f"rq:job:{job_id}")
    opened.redis.zrem(JOBS, job_id)
    opened.ledger.settle(job_id, REFUSED)


def _damage(opened: Desk, job_id: str, fields: dict[str, bytes | str | None], canary: Path) -> None:
    for field, value in fields.items():
        if value is None:
            opened.redis.hdel(f"rq:job:{job_id}", field)
        else:
            text = value.format(canary=canary) if isinstance(value, str) else value
            opened.redis.hset(f"rq:job:{job_id}", field, text)


# Looked at last


def _without_lease(opened: Desk) -> Desk:
    if not ALL:
        opened.expire_leases()
    return opened


def _error_type(opened: Desk, job_id: str) -> str:
    return str(json.loads(opened.redis.hget(f"rq:job:{job_id}", ERROR) or b"{}").get("type", ""))


def test_f22_retries_are_spread(failing, assert_kept):
    """F22: the retries of many jobs that failed together are planned so that the busiest half second has at most 3 ×
    the mean; none is early, and next to none is late.
    """
    report = failing.check("F22 retries", succeed=True)
    begun = defaultdict(list)
    for effect in failing.effects.all():
        if effect.event == "begin":
            begun[effect.job_id].append(effect.at)
    planned: Counter[int] = Counter()
    late: list[float] = []  # seconds after its time
    for job_id, times in begun.items():
        pauses = json.loads(failing.redis.hget(f"rq:job:{job_id}", "retry_intervals") or b"[]")[: len(times) - 1]
        planned.update(int(2 * at) for at in accumulate(pauses))
        late += (after - before - pause for (before, after), pause in zip(pairwise(times), pauses, strict=True))
    mean = planned.total() / (max(planned) + 1)

    report.expect(max(planned.values()) <= 3 * mean, f"busiest half second {max(planned.values())}, mean {mean:.1f}")
    report.expect(min(late) >= 0, f"a retry {-min(late):.3f} s before its time")
    report.expect(
        sorted(late)[len(late) * 95 // 100] < 15, f"late by {sorted(late)[len(late) * 95 // 100]:.1f} s (p95)"
    )
    assert_kept(report)


def test_f03_a_job_that_lost_its_supervisor_has_one_end(orphaned, assert_kept):
    """F03: what the child did before its death, and what the rescue did, come to one final state."""
    assert_kept(_without_lease(orphaned[0]).check("F03 supervisor killed"))


def test_f01_a_job_that_was_reserved_ahead_runs_once(killed_among_short_jobs, assert_kept):
    """F01: what had begun has failed, as it is not to be tried again; what was reserved ahead runs, once."""
    opened, kills = killed_among_short_jobs
    report = _without_lease(opened).check("F01 trees killed among short jobs", once=True)
    report.expect(report.counts["failed"] <= kills, f"{report.counts['failed']} jobs failed after {kills} kills")
    assert_kept(report)


def test_f01_every_job_of_a_killed_worker_ends(killed_trees, assert_kept):
    """F01: what the killed trees held is run again, or was put back. None is lost, none is stuck; none fails but for
    a loss of three workers, which 250 kills make now and then.
    """
    report = _without_lease(killed_trees).check("F01 trees killed")
    failed = [job_id for job_id in killed_trees.ledger.tasks("accepted") if _error_type(killed_trees, job_id)]
    report.expect(all(_error_type(killed_trees, job_id) == "Poison" for job_id in failed), f"{failed} failed")
    report.expect(len(failed) <= size(0, 3), f"{len(failed)} jobs failed")
    if report.recovery:
        late = sorted(report.recovery)[int(0.99 * (len(report.recovery) - 1))]
        report.expect(late <= 45, f"99 of 100 recoveries took {late:.1f} s")
    assert_kept(report)
