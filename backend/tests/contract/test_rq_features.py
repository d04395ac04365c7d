"""What RQ 3 can do beside its data model: what our worker does with it, and what it leaves out on purpose."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rq import Callback, Repeat, Webhook, Worker
from rq.command import send_stop_execution_command
from rq.job import JobStatus
from rq.results import Result
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import LAST_TAKEOVER
from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.scripts import CYCLE, TICK
from tests.conftest import BACKEND, wait_until
from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import ECHO, RAISES, WAIT_FOR
from tests.contract.snapshot import snapshot
from tests.contract.workers import run_our_worker, run_stock_worker, starter

RETURNS_RETRY = "tests.sample_tasks.returns_retry"
RQ2 = BACKEND.parent / ".venv-rq2/bin/python"
# RQ's own lines of a cron file, and the one that makes its jobs JSON.
CRON_FILE = """
from functools import partial
from rq import Queue, cron
from rq.serializers import JSONSerializer
from tests.sample_tasks import echo

{json}
cron.register(echo, queue_name="default", kwargs={{"text": "ab"}}, interval=3600)
"""
AS_JSON = "cron.Queue = partial(Queue, serializer=JSONSerializer)"


@pytest.fixture
def rq(worker_settings, registry, redis, tmp_path) -> RqStack:
    return RqStack(redis, tmp_path, starter(run_our_worker, worker_settings, registry))


@pytest.fixture
def jobs(redis) -> Jobs:
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def webhook():
    """A server, with the requests that it got."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *details):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.requests = requests
        yield server
        server.shutdown()


# Who runs what


@pytest.mark.parametrize("python", [sys.executable, pytest.param(RQ2, marks=pytest.mark.slow)])
def test_rqs_tools_show_what_each_of_several_workers_runs(rq, redis_url, python):
    for job_id in ("one", "two"):
        rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id=job_id)
    with rq.worker(burst=False), rq.worker(burst=False):
        for job_id in ("one", "two"):
            wait_until(lambda job_id=job_id: rq.job(job_id).get_executions(), what=f"job {job_id} has an execution")
        shown = [
            subprocess.run([python, *command], capture_output=True, text=True, timeout=60, check=True).stdout
            for command in (
                ("-m", "rq.cli", "info", "--raw", "--url", redis_url),
                ("-c", CURRENT_JOBS, redis_url),
            )
        ]
        (rq.folder / "go").touch()

    assert shown[0].count(" busy high, default, low") == 2
    assert sorted(shown[1].split()) == ["one", "two"]


CURRENT_JOBS = """
import sys
from redis import Redis
from rq import Worker
for worker in Worker.all(Redis.from_url(sys.argv[1])):
    print(worker.get_current_job_id())
"""


def test_a_worker_counts_its_executions(rq):
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="one")
    with rq.worker(burst=False):
        [execution] = wait_until(lambda: rq.job("one").get_executions())
        [worker] = Worker.all(connection=rq.redis, serializer=JSONSerializer)
        assert worker.current_execution_count == 1
        assert worker.get_current_executions() == [execution]

        (rq.folder / "go").touch()
        rq.wait_for("one", "finished")
        wait_until(lambda: worker.current_execution_count == 0)
        assert worker.get_current_executions(refresh=True) == []


def test_an_execution_is_stopped_by_its_id(rq):
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "never"), job_id="one")
    with rq.worker(burst=False):
        [execution] = wait_until(lambda: rq.job("one").get_executions())

        send_stop_execution_command(rq.redis, "one", execution.id)

        rq.wait_for("one", "stopped")


def test_a_task_finds_the_job_that_our_api_submitted(rq, registry, jobs):
    job_id = jobs.submit(registry.catalog.tasks["asks_rq"], {"text": "ab"}, Retention(100, 200)).id

    rq.run_worker()

    result = jobs.result(jobs.get(job_id))
    assert (result["id"], result["is a job"], result["status"]) == (job_id, True, "started")
    assert rq.job(job_id).meta == {"steps": ["ab"]}


# What we leave out: code and addresses that data in Redis name


@pytest.mark.parametrize(("run_worker", "requests"), [(run_stock_worker, ["/done", "/failed"]), (run_our_worker, [])])
def test_our_worker_calls_no_webhook(redis, worker_settings, registry, tmp_path, webhook, run_worker, requests):
    rq = RqStack(redis, tmp_path, starter(run_worker, worker_settings, registry))
    address = f"http://127.0.0.1:{webhook.server_port}"
    webhooks = [Webhook(f"{address}/done", "finished"), Webhook(f"{address}/failed", "failed")]
    for job_id, call in {"one": (ECHO, "ab"), "two": (RAISES,)}.items():
        rq.queue.enqueue(*call, webhooks=webhooks, job_id=job_id)
    parent = rq.queue.enqueue(ECHO, "ab", webhooks=webhooks[1:], job_id="parent")
    rq.queue.enqueue(ECHO, "ab", depends_on=parent, job_id="child")  # RQ's own code ends the parent

    rq.run_worker()

    assert webhook.requests == requests
    assert rq.job("child").get_status() == JobStatus.FINISHED


def test_an_abandoned_job_fails_without_its_callback_and_one_that_has_ended_stays_so(rq, jobs):
    for job_id in ("lost", "ended"):
        rq.queue.enqueue(ECHO, "ab", on_failure=Callback("tests.nowhere.callback"), job_id=job_id)
        CYCLE(rq.redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])
        rq.redis.delete("rq:worker:someone")
    rq.redis.hset("rq:job:ended", "status", "finished")
    rq.redis.zadd("rq:wip:default", {"lost:e1": 1, "ended:e1": 1})
    rq.redis.set(LAST_TAKEOVER, time.time() - 5)

    TICK(rq.redis, "another", now_text(), "{}", "", "default")

    assert rq.job("lost").get_status() == JobStatus.FAILED
    assert rq.job("ended").get_status() == JobStatus.FINISHED
    assert rq.redis.zrange("rq:wip:default", 0, -1) == []
    assert "tests.nowhere" not in sys.modules


def test_a_job_whose_task_returns_retry_shows_its_attempts(rq, jobs):
    rq.queue.enqueue(RETURNS_RETRY, most=2, on_failure=Callback("tests.sample_tasks._callback"), job_id="one")

    rq.run_worker()

    job = jobs.get("one")
    assert job.status == "failed"
    assert job.attempt == 3
    asked = "The task asked for another attempt: Retry(max=2, interval=0, enqueue_at_front=False)."
    assert [attempt.error["detail"] for attempt in job.attempts] == [asked, asked]
    assert job.error["type"] == "MaxRetriesExceeded"
    assert "has had as many as its max allows" in job.error["detail"]
    assert [result.type for result in rq.job("one").results()] == [
        Result.Type.MAX_RETRIES_EXCEEDED,
        *[Result.Type.RETRIED] * 2,
    ]


def test_a_job_that_waits_for_the_retry_that_its_task_has_returned_can_be_canceled(rq, jobs):
    rq.queue.enqueue(RETURNS_RETRY, intervals=[3600], job_id="one")
    rq.run_worker()
    assert jobs.get("one").status == "scheduled"
    assert jobs.get("one").attempt == 2

    jobs.cancel("one")

    assert jobs.get("one").status == "canceled"
    assert rq.redis.zcard("rq:scheduled:default") == 0


def test_a_task_may_ask_for_any_number_of_attempts(rq, jobs):
    rq.queue.enqueue("tests.sample_tasks.returns_retry_for_ever", job_id="one")
    rq.redis.hset("rq:job:one", "number_of_retries", 10**9)

    rq.run_worker()

    assert jobs.get("one").status == "scheduled"


# What is kept, and when it runs


@pytest.mark.parametrize("delete", [lambda rq, jobs: rq.job("one").delete(), lambda rq, jobs: jobs.delete("one")])
def test_a_job_is_deleted_with_its_results(rq, jobs, delete):
    rq.queue.enqueue(ECHO, "ab", job_id="one")
    rq.run_worker()
    assert rq.redis.exists("rq:results:one")

    delete(rq, jobs)

    assert [name for name in snapshot(rq.redis) if "one" in name] == []


@pytest.fixture
def new_york(monkeypatch):
    """A machine that is hours away from UTC, and has daylight saving time in some months."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_a_repeat_is_due_after_its_interval_whatever_the_time_zone(rq):
    rq.queue.enqueue(ECHO, "ab", repeat=Repeat(times=1, interval=100), job_id="one")
    rq.queue.enqueue_in(timedelta(seconds=100), ECHO, "ab", job_id="two")

    rq.run_worker()

    now = datetime.now(UTC).timestamp()
    assert [rq.redis.zscore("rq:scheduled:default", job_id) for job_id in ("one", "two")] == pytest.approx(
        [now + 100] * 2, abs=20
    )


@pytest.mark.parametrize(("line", "status"), [(AS_JSON, "succeeded"), ("", "waiting")])
def test_a_job_of_rq_cron_runs_if_it_is_json_and_is_handed_back_otherwise(rq, jobs, redis_url, line, status):
    file = rq.folder / "cron_file.py"
    file.write_text(CRON_FILE.format(json=line))
    command = [sys.executable, "-m", "rq.cli", "cron", "--url", redis_url, str(file)]
    scheduler = subprocess.Popen(command, cwd=BACKEND, stderr=subprocess.DEVNULL)
    [job_id] = wait_until(lambda: rq.queue.get_job_ids(), what="the scheduler has queued its job")
    scheduler.terminate()
    scheduler.wait(timeout=60)

    rq.run_worker()

    assert jobs.get(job_id).status == status
    if status == "waiting":
        assert "no JSON" in jobs.get(job_id).wait.reason
