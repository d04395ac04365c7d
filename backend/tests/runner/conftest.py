"""A worker process, and the jobs that it is given."""

from __future__ import annotations

import pytest

from jobkit.jobs import Jobs
from tests.conftest import Stack


@pytest.fixture
def jobs(redis):
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def worker_process(redis_url, tmp_path):
    """A real `worker.py` with one process, on the sample tasks."""
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1", STOP_GRACE="1")
    stack.start("worker")
    yield stack
    stack.stop()
