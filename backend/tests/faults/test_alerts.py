"""A flood of failures of one cause: one message when it begins, and one when it is over."""

from __future__ import annotations

import time

import pytest

from taskdesk.jobs.causes import Causes
from taskdesk.jobs.jobs import Jobs
from tests.conftest import Stack, wait_until
from tests.faults.scale import LIMIT, size
from tests.receivers import Receiver
from tests.worker.conftest import RETENTION

pytestmark = pytest.mark.timeout(LIMIT)
FAILURES = size(1_000, 10_000)
RULES = """
[channels.ops]
kind = "webhook"
url = "{url}"
[rules.causes]
when = "first-failure"
channels = ["ops"]
window = {window}
"""


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def stack(redis_url, tmp_path, receiver):
    (tmp_path / "alerts.toml").write_text(RULES.format(url=receiver.url, window=size(6, 20)))
    settings = {"ALERTS_FILE": str(tmp_path / "alerts.toml"), "TASKS": "tests.sample_tasks", "WORKERS": "2"}
    stack = Stack(redis_url, tmp_path, **settings)
    yield stack
    stack.stop()


@pytest.mark.slow
def test_many_failed_jobs_of_one_cause_make_one_message_and_one_recovery(stack, redis, registry, receiver):
    """Web and worker evaluate the rules side by side, while two workers run nothing but jobs that fail."""
    jobs = Jobs(redis, ("high", "default", "low"))
    for start in range(0, FAILURES, 500):
        jobs.submit_many(registry.catalog.tasks["raises"], [{}] * min(500, FAILURES - start), RETENTION)
    stack.start("server")
    stack.start("worker")

    wait_until(lambda: redis.zcard("rq:failed:default"), seconds=60, what="the first job has failed")
    began = time.monotonic()
    wait_until(lambda: redis.zcard("rq:failed:default") == FAILURES, seconds=LIMIT, what="all jobs have failed")
    took = time.monotonic() - began
    wait_until(lambda: len(receiver.requests) == 2, seconds=120, what="the alert has recovered")

    print(f"{FAILURES:,} jobs failed in {took:.1f} s")
    [cause] = Causes(redis).read()
    assert cause.count == FAILURES
    assert [request.json["type"] for request in receiver.requests] == ["alert.fired", "alert.recovered"]
