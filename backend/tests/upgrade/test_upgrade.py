"""An upgrade in place: data of the previous version is read, and no job is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.listing import Filter
from taskdesk.service.accounts import Accounts
from tests.conftest import Stack, wait_until
from tests.upgrade.recorded import restore

QUEUES = ("high", "default", "low")


*EARLIER, LAST = sorted(Path(__file__).parent.glob("version-*.json"), key=lambda path: path.stem)


@pytest.fixture(
    params=[*(pytest.param(path, marks=pytest.mark.slow) for path in EARLIER), LAST], ids=lambda path: path.stem
)
def recorded(request, redis):
    """The job ids of a desk that an older version has left, and the status that each has to reach.

    In version-0.1.0, two jobs were running when their worker was killed, two are planned, one waits for another, one is
    a retry. In version-0.1.0-rq2, the last version with RQ 2.12, jobs were also running in two workers of RQ that were
    killed, a worker has handed some back, two retries wait for their time, one job repeats, and dependents wait for
    all of these.
    """
    desk = json.loads(request.param.read_text())
    restore(redis, desk["keys"])
    for queue in QUEUES:  # what was planned is due
        for job_id in redis.zrange(f"rq:scheduled:{queue}", 0, -1):
            redis.zadd(f"rq:scheduled:{queue}", {job_id: 0})
    redis.set("taskdesk:sweep:last", redis.time()[0] - 5)  # workers that are silent now are lost, with no time of grace
    return desk["expected"]


@pytest.fixture
def worker(recorded, redis_url, tmp_path):
    stack = Stack(redis_url, tmp_path, TASKS="tasks", WORKERS="1", STOP_GRACE="1")
    stack.start("worker")
    yield stack
    stack.stop()


def test_each_job_of_the_previous_version_ends(recorded, worker, redis):
    jobs = Jobs(redis, QUEUES)

    def statuses() -> dict[str, str]:
        return {job_id: jobs.get(job_id).status for job_id in recorded}

    wait_until(lambda: all(jobs.get(job_id).is_final for job_id in recorded), what="all jobs end")
    assert statuses() == recorded
    assert jobs.result(jobs.get(next(iter(recorded)))) == [0, 1, 1, 2, 3, 5]


def test_lists_and_accounts_of_the_previous_version_are_read(recorded, redis):
    found, _ = Jobs(redis, QUEUES).page(100, None, Filter())
    listed = {job.id for job in found}

    assert {job_id for job_id in recorded if not job_id.startswith("plain")} <= listed
    assert Accounts(redis).read()[0].keys() == {"ann"}
