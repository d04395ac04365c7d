"""The tasks of `parameter_tasks`, announced, and ways to submit a job of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from taskdesk.cli import program
from taskdesk.jobs.catalog import announce
from taskdesk.worker.discovery import TaskRegistry
from tests.conftest import discovered


@pytest.fixture
def worker_settings(worker_settings: Any) -> Any:
    return worker_settings.model_copy(update={"tasks": ("tests.parameter_tasks",)})


@pytest.fixture
def registry(redis: Any) -> TaskRegistry:
    registry = discovered("tests.parameter_tasks")
    assert registry.catalog.broken == []
    announce(redis, registry.catalog)
    return registry


@pytest.fixture
def run(redis_url: str, tmp_path: Any, registry: TaskRegistry) -> Callable[..., Any]:
    """Run a command of the command line."""

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(program, arguments, env={"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)})

    return run


@pytest.fixture
def all_received(client: Any, run_worker: Any) -> Any:
    """The results of the jobs that answers lead to, or the status of an answer that leads to none."""

    def result(answer: Any) -> Any:
        if answer.status_code not in (202, 303):
            return answer.status_code
        return client.get(f"/api/v1/jobs/{answer.location.rpartition('/')[2]}/result").get_data(as_text=True)

    def all_received(*answers: Any) -> list[Any]:
        if any(answer.status_code in (202, 303) for answer in answers):
            run_worker()
        return [result(answer) for answer in answers]

    return all_received


@pytest.fixture
def received(all_received: Any) -> Any:
    return lambda answer: all_received(answer)[0]
