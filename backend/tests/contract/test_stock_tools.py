"""While our worker runs a job, RQ's own tools show the job and can stop it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rq import Worker
from rq.command import send_stop_job_command
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.suspension import resume, suspend
from rq.worker import BaseWorker

from tests.conftest import wait_until
from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import ECHO, WAIT_FOR
from tests.contract.workers import run_our_worker, run_stock_worker, starter


@pytest.fixture
def rq(worker_settings, registry, redis, tmp_path) -> RqStack:
    return RqStack(redis, tmp_path, starter(run_our_worker, worker_settings, registry))


@pytest.fixture
def long_job(rq) -> Iterator[Job]:
    """A job that our worker is running. It ends with the test, or when its file `go` exists."""
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="long")
    with rq.worker(burst=False):
        try:
            yield rq.wait_for("long", "started")
        finally:
            (rq.folder / "go").touch()


def only_worker(rq: RqStack) -> BaseWorker:
    [worker] = Worker.all(connection=rq.redis, serializer=JSONSerializer)
    return worker


def test_the_job_names_its_worker_and_its_start(rq, long_job):
    assert long_job.get_status() == JobStatus.STARTED
    assert long_job.worker_name == only_worker(rq).name
    assert long_job.enqueued_at < long_job.started_at


def test_the_worker_is_busy_with_the_job(rq, long_job):
    assert only_worker(rq).get_state() == "busy"
    wait_until(lambda: only_worker(rq).get_current_job_id() == long_job.id, what="RQ shows what the worker runs")
    assert only_worker(rq).get_current_job() == long_job
    [execution] = only_worker(rq).get_current_executions()
    assert execution.job_id == long_job.id


def test_the_worker_is_idle_after_the_job(rq, long_job):
    (rq.folder / "go").touch()
    rq.wait_for(long_job.id, "finished")

    wait_until(lambda: only_worker(rq).get_state() == "idle")
    assert only_worker(rq).get_current_job_id() is None
    wait_until(lambda: only_worker(rq).successful_job_count == 1, what="the job is counted")


def test_the_registry_of_started_jobs_has_the_job(rq, long_job):
    registry = StartedJobRegistry("default", connection=rq.redis, serializer=JSONSerializer)

    assert registry.get_job_ids(cleanup=False) == [long_job.id]
    assert registry.get_job_ids(cleanup=True) == [long_job.id]


def test_the_job_has_one_execution(rq, long_job):
    [execution] = wait_until(long_job.get_executions)

    assert execution.worker_name == only_worker(rq).name
    assert execution.created_at <= execution.last_heartbeat


def test_rq_info_shows_the_worker_and_the_queue(rq, long_job, redis_url):
    rq.queue.enqueue(ECHO, "ab", job_id="waiting")

    command = [sys.executable, "-m", "rq.cli", "info", "--raw", "--url", redis_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^worker {only_worker(rq).name} \(.+\) busy high, default, low\.", done.stdout, re.MULTILINE)
    assert "queue default 1, 1 executing, 0 finished, 0 failed" in done.stdout


def test_a_stop_command_stops_the_job_and_the_next_one_runs(rq, long_job):
    rq.queue.enqueue(ECHO, "ab", job_id="next")

    send_stop_job_command(rq.redis, long_job.id, serializer=JSONSerializer)

    rq.wait_for("next", "finished")
    assert long_job.get_status() == JobStatus.STOPPED


def test_a_stop_command_for_another_job_stops_nothing(rq, long_job):
    other = rq.queue.create_job(ECHO, args=("ab",), job_id="other")
    other.worker_name = long_job.worker_name
    other.save()

    send_stop_job_command(rq.redis, other.id, serializer=JSONSerializer)
    (rq.folder / "go").touch()

    rq.wait_for(long_job.id, "finished")


def test_a_suspended_worker_ends_its_job_and_takes_none_until_it_is_resumed(rq, long_job):
    suspend(rq.redis)
    rq.queue.enqueue(ECHO, "ab", job_id="next")
    (rq.folder / "go").touch()

    wait_until(lambda: only_worker(rq).get_state() == "suspended")
    assert long_job.get_status() == JobStatus.FINISHED
    assert rq.job("next").get_status() == JobStatus.QUEUED

    resume(rq.redis)
    rq.wait_for("next", "finished")


def test_a_stock_worker_shares_the_queue(rq, long_job, worker_settings, registry):
    rq.queue.enqueue(ECHO, "ab", job_id="theirs")

    RqStack(rq.redis, rq.folder, starter(run_stock_worker, worker_settings, registry)).run_worker()
    (rq.folder / "go").touch()
    rq.wait_for(long_job.id, "finished")
    rq.queue.enqueue(ECHO, "cd", job_id="ours")

    rq.wait_for("ours", "finished")
    assert rq.job("ours").worker_name == long_job.worker_name
    assert rq.job("theirs").get_status() == JobStatus.FINISHED
    assert rq.job("theirs").worker_name != long_job.worker_name
