"""A Redis that is full: what operators do to make room in it."""

from __future__ import annotations

import pytest

from taskdesk.service.redis import Memory

MB = 1 << 20
ECHO = "/api/v1/tasks/echo/jobs"


@pytest.fixture
def may_take(redis):
    """Set Redis's memory limit so that its data may take so many more bytes."""
    yield lambda size: redis.config_set("maxmemory", Memory.of(redis.info("memory")).used + size)
    redis.config_set("maxmemory", 0)


def test_many_jobs_of_a_full_redis_are_deleted_at_once_until_it_accepts_new_ones(client, may_take):
    count = 0
    may_take(8 * MB)
    while client.post(f"{ECHO}:batch?queue=low", json={"inputs": [{"text": "a" * 100_000}] * 8}).status_code == 202:
        count += 8
    may_take(-MB)
    assert client.post(ECHO, json={"text": "a"}).status_code == 503

    of_low = {"action": "delete", "filter": {"queue": "low"}, "expected_count": count}
    assert client.post("/api/v1/jobs:bulk", json=of_low).json["outcomes"] == {"deleted": count}

    assert count > 0
    assert client.post(ECHO, json={"text": "a"}).status_code == 202
