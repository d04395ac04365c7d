"""Clocks of web and worker that are wrong or jump: only the clock of Redis counts."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.repeat import Repeat
from rq.serializers import JSONSerializer

from taskdesk.jobs.keys import SWEEP_LOCK, registry_key
from tests.conftest import RedisServer, Stack, wait_until
from tests.faults.clock_shift import set_offset

DAY = 86_400.0


class Shifted(Stack):
    """Web and worker, each with its own clock, on one Redis."""

    def __init__(self, server: RedisServer, folder: Path):
        super().__init__(server.url, folder, QUEUES="high,default")
        self.redis = Redis.from_url(server.url)
        self.data = folder
        self.shift(server=0.0, worker=0.0)

    def shift(self, **seconds: float) -> None:
        """Shift the clock of each program by these seconds from now on."""
        for program, ahead in seconds.items():
            set_offset(self.data / f"{program}.clock", ahead)

    def command(self, program: str) -> list[str]:
        shifted = [sys.executable, "-m", "tests.faults.clock_shift", str(self.data / f"{program}.clock")]
        return [*shifted, *super().command(program)[1:]]

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def status(self, job: dict[str, Any]) -> str:
        return str(self.ask(f"/jobs/{job['id']}")["status"])


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[Callable[..., Shifted]]:
    """Start web and worker with their clocks shifted by these seconds."""
    server = RedisServer(tmp_path)
    stacks: list[Shifted] = []

    def start(**seconds: float) -> Shifted:
        server.start()
        stack = Shifted(server, tmp_path)
        stacks.append(stack)
        stack.shift(**seconds)
        stack.start("server")
        stack.start("worker")
        wait_until(lambda: stack.answers("/api/v1/tasks/simple_task"), what="the tasks are announced")
        return stack

    yield start
    for stack in stacks:
        stack.stop()
        stack.redis.close()
    server.stop()


def seconds_between(job: dict[str, Any], first: str, second: str) -> float:
    return (datetime.fromisoformat(job[second]) - datetime.fromisoformat(job[first])).total_seconds()


def test_a_worker_that_is_a_day_ahead_empties_no_registry_and_deletes_no_unfinished_upload(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    stack = Shifted(server, tmp_path)
    upload = tmp_path / "artifacts" / "ad" / "upload"
    upload.mkdir(parents=True)
    (upload / "input-data.csv").write_text("a\n")
    kept = {registry_key(kind, "high"): time.time() + 3600 for kind in ("finished", "failed")}
    for registry, until in kept.items():
        stack.redis.zadd(registry, {"job": until})
    stack.shift(worker=DAY)

    try:
        stack.start("worker")
        wait_until(lambda: stack.redis.exists(SWEEP_LOCK), what="the worker sweeps")
    finally:
        stack.stop()

    assert {registry: stack.redis.zscore(registry, "job") for registry in kept} == kept
    assert upload.exists()
    stack.redis.close()
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [120.0, pytest.param(-120.0, marks=pytest.mark.slow)])
def test_a_web_whose_clock_is_wrong_runs_a_job_at_its_time(start_stack, ahead):
    stack = start_stack(server=ahead)
    now = datetime.now(UTC)

    def submit(seconds: int) -> Any:
        at = (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return stack.ask(f"/tasks/simple_task/jobs?at={at}", {"task_arg": "a", "seconds": 0})

    soon, past = submit(60), submit(-60)

    assert (soon["status"], past["status"]) == ("scheduled", "queued")
    due = stack.redis.zscore("rq:scheduled:default", soon["id"])
    assert due == pytest.approx(now.timestamp() + 60, abs=2)
    assert abs(datetime.fromisoformat(soon["created_at"]) - now) < timedelta(seconds=10)


@pytest.mark.slow
@pytest.mark.parametrize("jump", [DAY, pytest.param(-DAY, marks=pytest.mark.slow)])
def test_a_clock_that_jumps_while_a_job_runs_shows_nowhere(start_stack, jump):
    stack = start_stack()
    job = stack.ask("/tasks/simple_task/jobs", {"task_arg": "a", "seconds": 2})
    wait_until(lambda: stack.status(job) == "running", what="it runs")

    stack.shift(worker=jump, server=-jump)
    wait_until(lambda: stack.status(job) == "succeeded", what="it ends")

    job = stack.ask(f"/jobs/{job['id']}")
    assert 1.9 < seconds_between(job, "started_at", "ended_at") < 10
    assert -1 < seconds_between(job, "created_at", "started_at") < 10  # each has Redis's time to some milliseconds
    [entry] = stack.redis.xrange(f"rq:results:{job['id']}")
    assert 1.9 < float(entry[1][b"execution_ended_at"]) - float(entry[1][b"execution_started_at"]) < 10
    wait_until(lambda: stack.redis.exists("taskdesk:run-times:tasks.simple_task"), what="it is counted")
    assert 1.9 < float(stack.redis.lindex("taskdesk:run-times:tasks.simple_task", 0)) < 10
    assert float(stack.redis.hget("taskdesk:statistics:tasks.simple_task", "wait_sum")) < 10
    next_one = stack.ask("/tasks/simple_task/jobs", {"task_arg": "b", "seconds": 0})
    assert abs(datetime.fromisoformat(next_one["created_at"]).timestamp() - time.time()) < 10


@pytest.mark.parametrize("ahead", [DAY, pytest.param(-DAY, marks=pytest.mark.slow)])
def test_jobs_that_rq_schedules_and_keeps_in_a_worker_whose_clock_is_wrong_are_due_at_their_time(start_stack, ahead):
    stack = start_stack(worker=ahead)
    queue = Queue("default", connection=stack.redis, serializer=JSONSerializer)
    first = queue.create_job("tasks.simple_task", ("a", 0), repeat=Repeat(times=1, interval=3000), result_ttl=500)
    first.save()
    second = queue.enqueue("tasks.simple_task", "b", 0, depends_on=first)
    queue.enqueue_job(first)  # now: had it run before, the second would wait for its repetition

    wait_until(lambda: second.get_status(refresh=True) == "finished", what="both have run")

    now = time.time()
    assert stack.redis.zscore("rq:finished:default", first.id) == pytest.approx(now + 500, abs=20)
    assert stack.redis.zscore("rq:scheduled:default", first.id) == pytest.approx(now + 3000, abs=20)
    second.refresh()
    assert second.enqueued_at.timestamp() == pytest.approx(now, abs=20)
