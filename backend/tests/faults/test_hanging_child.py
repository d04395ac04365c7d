"""F33: a child hangs while no function runs, so that no time limit ends it.

The supervisor's limit is a fifth of the real one, except with FAULTS=all.
"""

from __future__ import annotations

import signal
import time

import pytest

from taskdesk.worker.supervisor.hang_detector import HANG_SECONDS
from tests.conftest import wait_until
from tests.faults.fleet import alive, parents, send
from tests.faults.harness import Rig, start_rig
from tests.faults.scale import ALL, LIMIT, SEED, promised

LIMIT_SECONDS = HANG_SECONDS if ALL else HANG_SECONDS / 5  # seconds
SHORTENED = f"""
import taskdesk.worker.supervisor.hang_detector, taskdesk.worker.child.queue_waiter, worker
taskdesk.worker.supervisor.hang_detector.HANG_SECONDS = {LIMIT_SECONDS}
taskdesk.worker.child.queue_waiter.SIGN_OF_LIFE_SECONDS = {LIMIT_SECONDS / 3}
raise SystemExit(worker.main())
"""
SENTENCE = "stopped responding after the function had ended"

pytestmark = pytest.mark.timeout(LIMIT)


def start(rig: Rig, **settings: str) -> int:
    """Start a worker with LIMIT_SECONDS, and return the pid of its child."""
    rig.fleet.start(program=("-c", SHORTENED), **settings)
    return child(rig)


def child(rig: Rig) -> int:
    """Return the pid of the child that runs jobs now."""
    job_id = rig.submit("effect_high")
    assert rig.until_final(job_id).status == "succeeded"
    return rig.effects.of(job_id)[-1].pid


@pytest.mark.slow
def test_f33_a_job_whose_thread_holds_the_gil_after_its_end_is_settled_and_the_next_one_runs():
    with start_rig(SEED + 33) as rig:
        hanging = start(rig)
        job_id = rig.submit("leaves_a_thread_that_holds_the_gil", argument={})
        wait_until(lambda: len(rig.effects.of(job_id)) == 2, what="the function ends")
        following = rig.submit("effect")

        job = rig.until_final(job_id, seconds=promised(LIMIT_SECONDS + 15))

        assert (job.status, job.error["type"]) == ("failed", "WorkerLost")
        assert SENTENCE in job.error["detail"]
        assert rig.until_final(following).status == "succeeded"
        assert not alive(hanging)


@pytest.mark.slow
def test_f33_a_job_whose_arguments_cannot_be_dropped_gets_another_attempt():
    with start_rig(SEED + 33) as rig:
        start(rig)
        job_id = rig.submit("never_lets_go", argument={})

        job = rig.until_final(job_id, seconds=promised(LIMIT_SECONDS + 15))

        assert job.status == "succeeded"
        assert [SENTENCE in attempt.error["detail"] for attempt in job.attempts] == [True]


@pytest.mark.slow
def test_f33_a_job_is_canceled_in_time_while_the_child_hangs_after_its_function():
    with start_rig(SEED + 33) as rig:
        rig.fleet.start()
        job_id = rig.submit("leaves_a_thread_that_holds_the_gil", argument={})
        wait_until(lambda: len(rig.effects.of(job_id)) == 2, what="the function ends")
        time.sleep(1)  # in which the thread begins to hold the GIL

        assert rig.jobs.cancel(job_id) == ["running"]

        assert rig.until_final(job_id, seconds=promised(5)).status == "canceled"


@pytest.mark.slow
def test_f33_an_idle_child_that_was_stopped_is_replaced():
    with start_rig(SEED + 33) as rig:
        stopped = start(rig)
        supervisor = parents()[stopped]
        # While it connects, a child may be silent for two minutes more. Then it blocks on each queue.
        wait_until(lambda: rig.redis.info("clients")["blocked_clients"] >= 3, what="the child waits for a job")
        send(stopped, signal.SIGSTOP)

        job_id = rig.submit("effect")

        assert rig.until_final(job_id, seconds=promised(LIMIT_SECONDS * 4 / 3 + 15)).status == "succeeded"
        assert alive(supervisor)
        assert not alive(stopped)


@pytest.mark.slow
def test_f33_a_child_that_waits_for_jobs_or_for_redis_is_left_alone():
    """Also while Redis is frozen as the job ends. Many queues make the child wait long for a job."""
    with start_rig(SEED + 33) as rig:
        patient = start(rig, QUEUES=",".join(["high", "default", "low", *(f"q{n}" for n in range(30))]))
        time.sleep(LIMIT_SECONDS * 1.5)
        job_id = rig.submit("effect", seconds=1)
        rig.until_running(job_id)

        rig.server.freeze()
        time.sleep(LIMIT_SECONDS * 2)
        rig.server.thaw()

        assert rig.until_final(job_id).status == "succeeded"
        assert child(rig) == patient


@pytest.mark.slow
def test_f33_a_supervisor_that_was_stopped_itself_does_not_blame_its_child():
    with start_rig(SEED + 33) as rig:
        frozen = start(rig)
        time.sleep(1.5)  # until it has written its statistics and is idle
        for pid in (parents()[frozen], frozen):
            send(pid, signal.SIGSTOP)
        time.sleep(LIMIT_SECONDS * 1.5)

        send(parents()[frozen], signal.SIGCONT)
        time.sleep(1)
        send(frozen, signal.SIGCONT)

        assert child(rig) == frozen
