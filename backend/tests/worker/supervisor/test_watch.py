"""The supervisor's look at its child and at Redis."""

from __future__ import annotations

import pytest
from redis import Redis

from taskdesk.jobs.keys import SWEEP_LOCK
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded


@pytest.fixture
def limited(redis, redis_url):
    """A connection of a user whose rights the test takes."""
    redis.acl_setuser("limited", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all"])
    limited = Redis.from_url(redis_url, username="limited", password="any")
    yield limited
    limited.close()
    redis.acl_deluser("limited")


@pytest.fixture
def worker(worker_settings, registry, limited):
    worker = TaskWorker(worker_settings, preloaded(registry), limited)
    worker._begin()
    yield worker
    worker._commands.close()
    worker._folder.remove()


def test_a_command_that_redis_refuses_for_ever_is_logged_once(worker, redis, caplog):
    redis.acl_setuser("limited", commands=["-zremrangebyscore"])

    for _ in range(5):
        worker._duties._housekeeping._next = 0.0
        redis.delete(SWEEP_LOCK)
        worker._watch.look()

    [line] = [record.getMessage() for record in caplog.records if "refuses" in record.getMessage()]
    assert "'zremrangebyscore'" in line
    assert "ACL SETUSER" in line
