"""F19: jobs are canceled just after they were submitted or have begun; each acknowledged cancel is obeyed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from rq import Queue, Repeat, Retry
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from taskdesk.jobs.job_id import new_job_id
from tests.conftest import wait_until
from tests.faults.harness import Rig, start_rig
from tests.faults.reconciler import FINAL
from tests.faults.scale import ALL, LIMIT, SEED

ROUNDS = 1_000 if ALL else 60
AT_ONCE = 5
SHARE = 0.3  # of the jobs that are canceled
DELAY = 0.05  # seconds: longest time from a submit, or from the start of the job, to its cancel
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "others wait for it": {},
    "repeats": {"repeat": Repeat(times=1, interval=1)},
    "its result is not kept": {"result_ttl": 0},
    "fails": {"f": "tests.faults.tasks.fails", "kwargs": {"times": 9}},
    "is tried again": {"f": "tests.faults.tasks.fails", "kwargs": {"times": 1}, "retry": Retry(max=3)},
}

pytestmark = pytest.mark.timeout(LIMIT)


@pytest.fixture
def submit() -> Callable[[Rig], str]:
    """Submit a job that takes up to 80 ms and ends in a random way."""

    def submit(rig: Rig) -> str:
        way = rig.random.choice(list(WAYS))
        options = {"f": "tests.faults.tasks.effect", "kwargs": {"seconds": rig.random.uniform(0, 0.08)}} | WAYS[way]
        queue = Queue("default", connection=rig.redis, serializer=JSONSerializer)
        job: RqJob = queue.enqueue(**options, job_id=new_job_id())
        if way == "others wait for it":
            queue.enqueue("tests.faults.tasks.effect", depends_on=job)
        return job.id

    return submit


@pytest.mark.slow
def test_f19_a_cancel_that_was_acknowledged_is_obeyed_however_the_job_ends(submit):
    with start_rig(SEED + 19) as rig:
        rig.until_online(*rig.fleet.start(2))
        jobs: list[str] = []
        answers: dict[str, tuple[str, float]] = {}  # the status that the job had, and when it was canceled

        for _ in range(ROUNDS):
            burst = [submit(rig) for _ in range(AT_ONCE)]
            for job in burst:
                if rig.random.random() < SHARE:
                    if rig.random.random() < 0.7:
                        _until_begun(rig, job)
                    time.sleep(rig.random.uniform(0, DELAY))
                    answers[job] = rig.jobs.cancel(job)[0], time.time()
            jobs += burst
        statuses = _until_all_have_ended(rig, jobs)

        answered = [answer for answer, _ in answers.values()]
        assert answered.count("running") > ROUNDS / 20, "the storm did not hit jobs that run"
        assert answered.count("queued") > ROUNDS / 20, "the storm did not hit jobs that wait"
        begun = {effect.job_id: effect.at for effect in rig.effects.all() if effect.event == "begin"}
        for job, (answer, at) in answers.items():
            if answer == "running":
                assert statuses[job] in ("stopped", "canceled")
            elif answer == "queued":
                assert statuses[job] == "canceled"
                assert begun.get(job, 0) < at


def _until_begun(rig: Rig, job: str) -> None:
    """Wait until the job runs, has ended, or is gone."""
    wait_until(lambda: rig.redis.hget(f"rq:job:{job}", "status") != b"queued", what="the job begins")


def _until_all_have_ended(rig: Rig, jobs: list[str]) -> dict[str, str]:
    """Return the final status of each job, empty for one that is gone."""

    def statuses() -> dict[str, str] | None:
        with rig.redis.pipeline(transaction=False) as pipeline:
            for job in jobs:
                pipeline.hget(f"rq:job:{job}", "status")
            found = {job: (status or b"").decode() for job, status in zip(jobs, pipeline.execute(), strict=True)}
        return found if set(found.values()) <= {*FINAL, ""} else None

    ended: dict[str, str] = wait_until(statuses, what="all jobs have ended")
    return ended
