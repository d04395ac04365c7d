"""The worker's program sends deliveries in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from taskdesk.jobs.jobs import Jobs
from tests.conftest import Stack, wait_until
from tests.receivers import SECRET, Receiver
from tests.worker.conftest import RETENTION


@pytest.fixture
def worker(redis_url, tmp_path):
    (tmp_path / "alerts.toml").write_text('[channels.ops]\nkind = "slack"\nurl = "${OPS_URL}"\n')
    stack = Stack(
        *(redis_url, tmp_path),
        **{"ALERTS_FILE": str(tmp_path / "alerts.toml"), "OPS_URL": "https://127.0.0.1/secret-path"},
        **{"TASKS": "tests.sample_tasks", "WORKERS": "1", "STOP_GRACE": "1", "WEBHOOK_NETWORKS": "127.0.0.0/8"},
        WEBHOOK_SECRETS=SECRET,
    )
    stack.start("worker")
    yield stack.processes["worker"]
    stack.stop()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_nice(pid: int) -> bool:
    return os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)


def deliverer(worker) -> int | None:
    return next(filter(is_nice, children(worker.pid)), None)


@pytest.mark.slow
def test_deliveries_go_on_after_their_process_was_killed(worker, redis, registry):
    spec, jobs = registry.catalog.tasks["echo"], Jobs(redis, ("high", "default", "low"))
    with Receiver() as receiver:
        jobs.submit(spec, {"text": "a"}, RETENTION, webhook=receiver.url)
        wait_until(lambda: len(receiver.requests) == 1, what="the first message")
        killed = deliverer(worker)
        os.kill(killed, signal.SIGKILL)
        jobs.submit(spec, {"text": "a"}, RETENTION, webhook=receiver.url)
        wait_until(lambda: len(receiver.requests) == 2, what="the second message")

    assert deliverer(worker) not in (None, killed)


def test_no_task_sees_a_secret_in_its_environment(worker, redis, registry):
    spec, jobs = registry.catalog.tasks["variable"], Jobs(redis, ("high", "default", "low"))
    names = ("WEBHOOK_SECRETS", "OPS_URL", "TASKS")
    ids = [jobs.submit(spec, {"name": name}, RETENTION).id for name in names]
    wait_until(lambda: all(jobs.get(job_id).is_final for job_id in ids), what="they have ended")

    results = [jobs.results.text(jobs.get(job_id)) for job_id in ids]
    assert results == [b"null", b"null", b'"tests.sample_tasks"']
