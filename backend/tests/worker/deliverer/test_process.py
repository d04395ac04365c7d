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
    stack = Stack(
        *(redis_url, tmp_path),
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


def test_no_task_sees_the_secret_in_its_environment(worker, redis, registry):
    jobs = Jobs(redis, ("high", "default", "low"))
    job = jobs.submit(registry.catalog.tasks["variable"], {"name": "WEBHOOK_SECRETS"}, RETENTION)
    wait_until(lambda: jobs.get(job.id).is_final, what="it has ended")

    assert jobs.results.text(jobs.get(job.id)) == b"null"
