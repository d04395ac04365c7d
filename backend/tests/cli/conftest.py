from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskdesk.cli import program
from taskdesk.worker.discovery import TaskRegistry

Run = Callable[..., Result]


@pytest.fixture
def run(redis_url: str, tmp_path: Path, registry: TaskRegistry) -> Run:
    """Run a command; the sample tasks are announced, and no worker is online."""

    def run(*arguments: str, **settings: str) -> Result:
        env = {"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path), **settings}
        done = CliRunner().invoke(program, arguments, env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def submitted(run):
    def submitted(*arguments: str) -> str:
        return run("submit", *arguments).stdout.strip()

    return submitted
