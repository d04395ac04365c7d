"""Real web and worker processes notify a real receiver of a lost worker, and the web alone that no worker is left."""

from __future__ import annotations

import os
import signal

import pytest
from redis import Redis

from tests.conftest import RedisServer, Stack, wait_until

RULES = """
[channels.ops]
kind = "webhook"
url = "{url}"
[rules.nobody]
when = "no-worker"
seconds = 1
window = 1
channels = ["ops"]
[rules.lost]
when = "worker-lost"
channels = ["ops"]
"""


@pytest.fixture
def redis_of_its_own(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stack(redis_of_its_own, tmp_path, receiver):
    (tmp_path / "alerts.toml").write_text(RULES.format(url=receiver.url))
    settings = {"ALERTS_FILE": str(tmp_path / "alerts.toml"), "TASKS": "tests.sample_tasks.script", "WORKERS": "1"}
    stack = Stack(redis_of_its_own.url, tmp_path, **settings)
    yield stack
    stack.stop()


@pytest.mark.slow
def test_a_lost_worker_and_the_end_of_the_last_one_are_notified(stack, redis_of_its_own, receiver):
    redis = Redis.from_url(redis_of_its_own.url)
    stack.start("worker")
    [record] = wait_until(lambda: redis.smembers("rq:workers"), seconds=60, what="a worker is online")
    stack.start("server")
    wait_until(stack.answers, seconds=60, what="the web answers")

    os.kill(int(redis.hget(record, "pid")), signal.SIGKILL)  # its program starts another, which finds out
    receiver.wait_for(1, seconds=90)
    assert receiver.titles() == ["alert.fired: A worker was lost"]

    worker = stack.processes["worker"]
    worker.terminate()
    worker.wait(timeout=60)
    receiver.wait_for(2, seconds=60)
    stack.start("worker")
    receiver.wait_for(3, seconds=60)

    assert receiver.titles()[1:] == ["alert.fired: No worker is online", "alert.recovered: No worker is online"]
    redis.close()


@pytest.mark.slow
def test_nothing_is_notified_twice_or_lost_while_redis_goes_away(stack, redis_of_its_own, receiver):
    stack.start("server")
    wait_until(stack.answers, seconds=60, what="the web answers")
    receiver.wait_for(1, seconds=60)

    redis_of_its_own.stop()
    redis_of_its_own.start()
    stack.start("worker")
    receiver.wait_for(2, seconds=90)

    assert receiver.titles() == ["alert.fired: No worker is online", "alert.recovered: No worker is online"]
