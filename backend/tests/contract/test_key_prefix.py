"""RQ_KEY_PREFIX: RQ ≥ 3 and all our programs put their keys under another name, so that desks can share one Redis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request

import pytest

from tests.conftest import BACKEND, Stack, wait_until

PREFIX = "{team}:rq"
PRODUCER = """
import sys
from redis import Redis
from rq import Queue
from rq.job import Dependency
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

queue = Queue("default", connection=Redis.from_url(sys.argv[1]), serializer=JSONSerializer)
for job_id in ("one", "two"):
    parent = queue.enqueue("tests.sample_tasks.echo", "ab", job_id=job_id, rate_limit=RateLimit("k", 1))
queue.enqueue("tests.sample_tasks.echo", "cd", job_id="child", depends_on=Dependency(parent))
queue.enqueue("tests.sample_tasks.raises", job_id="failed", result_ttl=100)
"""


@pytest.fixture
def stack(redis, redis_url, tmp_path):
    stack = Stack(redis_url, tmp_path, RQ_KEY_PREFIX=PREFIX, TASKS="tests.sample_tasks", WORKERS="1", STOP_GRACE="1")
    for program in ("server", "worker"):
        stack.start(program)
    wait_until(lambda: stack.answers("/api/v1/tasks/echo"), seconds=60, what="the tasks are announced")
    yield stack
    stack.stop()


def status_of(stack: Stack, job_id: str) -> str:
    with urllib.request.urlopen(f"{stack.url}/api/v1/jobs/{job_id}") as answer:
        return json.load(answer)["status"]


def test_every_key_has_the_prefix_and_every_program_finds_it(stack, redis, redis_url):
    redis.rpush("rq:queue:default", "of-another-desk")

    subprocess.run([sys.executable, "-c", PRODUCER, redis_url], env=stack.environment, check=True)
    request = urllib.request.Request(
        f"{stack.url}/api/v1/tasks/echo/jobs", b'{"text": "ab"}', {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        ours = json.load(answer)["id"]

    for job_id in ("one", "two", "child", ours):
        wait_until(lambda job_id=job_id: status_of(stack, job_id) == "succeeded", what=f"job {job_id} has succeeded")
    assert status_of(stack, "failed") == "failed"
    keys = {key.decode() for key in redis.keys("*")}
    assert {key for key in keys if not key.startswith(f"{PREFIX}:")} == {"rq:queue:default"}


def test_rqs_tool_shows_the_worker(stack, redis_url):
    command = [sys.executable, "-m", "rq.cli", "info", "--raw", "--url", redis_url]
    done = subprocess.run(command, env=stack.environment, capture_output=True, text=True, timeout=60)

    assert "worker " in done.stdout


def test_a_prefix_that_only_a_file_names_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "settings.yaml").write_text("rq_key_prefix: team")
    environment = {**os.environ, "FLASK_CONFIG": str(tmp_path / "settings.yaml")}

    done = subprocess.run(
        [sys.executable, "worker.py"], cwd=BACKEND, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 2
    assert "RQ_KEY_PREFIX: set it in the environment of every process, where it is 'rq' now" in done.stderr
