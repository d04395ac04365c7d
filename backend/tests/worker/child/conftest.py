"""Signs of life that the child shows, and what it keeps of a result."""

from __future__ import annotations

import json

import pytest

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.task import JobContext, enter_job
from taskdesk.worker.child.result_writer import ResultWriter


@pytest.fixture
def signs():
    """The extra seconds that each sign asks for."""
    return []


@pytest.fixture
def show_life(signs):
    return lambda extra_seconds=0.0: signs.append(extra_seconds)


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "artifacts")


@pytest.fixture
def write(store):
    """Return the value and the kinds that are kept of what a task returns."""
    enter_job(JobContext("job"))

    def write(returned, max_bytes=10_000_000):
        content, kinds, _ = ResultWriter(store, "job", max_bytes).write(returned)
        return json.loads(content), json.loads(kinds)

    yield write
    enter_job(JobContext())


@pytest.fixture
def refused(write, tmp_path):
    """Return the sentence by which a returned value is refused; nothing of it may stay but its JSON."""

    def refused(returned, **options):
        with pytest.raises(UnstorableResult) as caught:
            write(returned, **options)
        assert {path.name for path in tmp_path.glob("artifacts/*/*/*") if path.is_file()} <= {"taskdesk-result.json"}
        return str(caught.value)

    return refused
