"""A worker process, and the jobs that it is given."""

from __future__ import annotations

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from tests.conftest import Stack

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def jobs(redis):
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def submit(jobs, registry):
    return lambda task, **arguments: jobs.submit(registry.catalog.tasks[task], arguments, RETENTION).id


@pytest.fixture
def worker_process(redis_url, tmp_path):
    """A real `worker.py` with one process, on the sample tasks."""
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1", STOP_GRACE="1")
    stack.start("worker")
    yield stack
    stack.stop()


@pytest.fixture
def run(jobs, registry, run_worker):
    """Let one worker run jobs, one after the other; the jobs after that."""

    def run(*calls):
        ids = [jobs.submit(registry.catalog.tasks[name], arguments, RETENTION).id for name, arguments in calls]
        run_worker()
        return [jobs.get(job_id) for job_id in ids]

    return run


@pytest.fixture
def results(run, jobs):
    return lambda *calls: [jobs.result(job) for job in run(*calls)]
