"""A worker process, and the jobs that it is given."""

from __future__ import annotations

import sys

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
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
def discover_source(tmp_path, monkeypatch):
    """Write a package of tasks, and discover it."""

    def discover_files(**files: str):
        package = tmp_path / "some_tasks"
        package.mkdir()
        for name, source in {"__init__": "", **files}.items():
            path = package / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        registry = discover(WorkerSettings(tasks="some_tasks", _env_file=None))
        for name in [name for name in sys.modules if name.startswith(("some_tasks", "other_library"))]:
            del sys.modules[name]
        return registry

    return discover_files


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
