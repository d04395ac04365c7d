"""A job that we schedule is a scheduled job of RQ: in Redis, for RQ's tools, and for its worker."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue
from rq.job import Job as RqJob
from rq.job import JobStatus
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from tests.contract.rq_stack import RqStack
from tests.contract.snapshot import snapshot
from tests.contract.workers import run_our_worker, run_stock_worker, starter

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


@pytest.fixture
def submit(redis, registry):
    def submit():
        jobs = Jobs(redis, ("high", "default", "low"))
        task = registry.catalog.tasks["echo"]
        return jobs.submit(task, {"text": "ab"}, Retention(100, 200), job_id="one", queue="high", at=AT)

    return submit


def test_redis_holds_the_same_as_after_rqs_own_enqueue_at(redis, submit):
    queue = Queue("high", connection=redis, serializer=JSONSerializer)
    options = {"job_timeout": 180, "result_ttl": 100, "failure_ttl": 200, "job_id": "one"}
    options["description"] = 'tests.sample_tasks.echo(text="ab")'  # ours has JSON, as the API takes it
    queue.enqueue_at(AT, "tests.sample_tasks.echo", kwargs={"text": "ab"}, **options)
    theirs, score = snapshot(redis), redis.zscore("rq:scheduled:high", "one")
    redis.delete(*redis.scan_iter("rq:*"))

    submit()

    assert snapshot(redis) == {name: value for name, value in theirs.items() if value != ""}
    assert redis.zscore("rq:scheduled:high", "one") == score


def test_rqs_tools_show_it(redis, redis_url, submit):
    submit()

    job = RqJob.fetch("one", connection=redis, serializer=JSONSerializer)
    registry = ScheduledJobRegistry("high", connection=redis, serializer=JSONSerializer)
    command = [sys.executable, "-m", "rq.cli", "info", "--raw", "--url", redis_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (job.get_status(), job.enqueued_at) == (JobStatus.SCHEDULED, None)
    assert (registry.get_job_ids(), registry.get_scheduled_time(job)) == (["one"], AT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "queue high 0, " in done.stdout


@pytest.mark.parametrize("run_worker", [run_stock_worker, run_our_worker])
def test_a_worker_runs_it_when_it_is_due(redis, worker_settings, registry, tmp_path, submit, run_worker):
    submit()
    rq = RqStack(redis, tmp_path, starter(run_worker, worker_settings, registry))

    rq.run_worker()
    assert rq.job("one").get_status() == JobStatus.SCHEDULED
    redis.zadd("rq:scheduled:high", {"one": time.time() - 1})
    rq.run_worker()

    assert rq.job("one").return_value() == "ab"
    assert not redis.exists("rq:scheduled:high", "rq:queue:high")
