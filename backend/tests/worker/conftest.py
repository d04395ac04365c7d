"""A worker process, and the jobs that it is given."""

from __future__ import annotations

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from tests.conftest import Stack


@pytest.fixture
def jobs(redis):
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def submit(jobs, registry):
    retention = Retention(result_ttl=100, failure_ttl=200)
    return lambda task, **arguments: jobs.submit(registry.catalog.tasks[task], arguments, retention).id


@pytest.fixture
def worker_process(redis_url, tmp_path):
    """A real `worker.py` with one process, on the sample tasks."""
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1", STOP_GRACE="1")
    stack.start("worker")
    yield stack
    stack.stop()
