"""When a job gets a process that ran none before."""

from __future__ import annotations

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded

RETENTION = Retention(result_ttl=100, failure_ttl=200)


def test_jobs_of_a_worker_share_a_process(results):
    assert results(("remembers", {}), ("remembers", {})) == [1, 2]


@pytest.mark.slow
def test_a_task_may_ask_for_a_process_of_its_own(results):
    first, _, second, third = results(
        ("starts_afresh", {}), ("remembers", {}), ("starts_afresh", {}), ("starts_afresh", {})
    )

    assert [first[1], second[1], third[1]] == [1, 1, 1]
    assert len({first[0], second[0], third[0]}) == 3


def test_a_process_is_replaced_after_its_number_of_jobs(worker_settings, registry, redis, jobs):
    settings = worker_settings.model_copy(update={"recycle_jobs": 2})
    ids = jobs.submit_many(registry.catalog.tasks["remembers"], [{}] * 5, RETENTION)

    TaskWorker(settings, preloaded(registry), redis).work(burst=True)

    assert [jobs.result(jobs.get(job_id)) for job_id in ids] == [1, 2, 1, 2, 1]
