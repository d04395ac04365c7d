"""What RQ 2 enqueues ends as what RQ 3 enqueues: applications may stay with RQ 2 when the worker has RQ 3."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BACKEND
from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import SCENARIOS
from tests.contract.snapshot import snapshot
from tests.contract.workers import run_our_worker, starter

RQ2 = BACKEND.parent / ".venv-rq2/bin/python"

pytestmark = pytest.mark.slow  # it needs an environment of its own, which `make test-all` makes


@pytest.fixture
def start(worker_settings, registry):
    return starter(run_our_worker, worker_settings, registry)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "scenario"  # the same one for both: its name is an argument of jobs


def play_here(scenario: str, redis, folder: Path, start) -> dict[str, Any]:
    _empty(redis, folder)
    SCENARIOS[scenario](RqStack(redis, folder, start))
    return snapshot(redis)


def play_by_rq2(scenario: str, redis, redis_url: str, folder: Path, start) -> dict[str, Any]:
    _empty(redis, folder)
    command = [RQ2, "-m", "tests.contract.rq2_producer", scenario, redis_url, folder]
    with subprocess.Popen(command, cwd=BACKEND, stdin=-1, stdout=-1, text=True) as producer, ExitStack() as worker:
        for line in producer.stdout:
            if line.strip() == "end":
                worker.close()
            else:
                worker.enter_context(start(line.strip() == "burst"))
            producer.stdin.write("done\n")
            producer.stdin.flush()
    assert producer.returncode == 0
    return snapshot(redis)


def _empty(redis, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    redis.flushall()


def test_the_producers_have_rq_2():
    version = subprocess.run([RQ2, "-c", "import rq; print(rq.VERSION)"], capture_output=True, text=True, check=True)

    assert version.stdout.startswith("2.12.")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_redis_holds_the_same_whichever_rq_has_enqueued(redis, redis_url, folder, start, scenario):
    by_rq3 = play_here(scenario, redis, folder, start)
    by_rq2 = play_by_rq2(scenario, redis, redis_url, folder, start)

    assert by_rq2 == by_rq3
