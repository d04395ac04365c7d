"""What the tests of several pages need."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest


@pytest.fixture
def page(client):
    """The text of a page as one reads it: no markup, and one space between words."""
    return lambda path: " ".join(re.sub(r"<[^>]*>", " ", client.get(path).text).split())


@pytest.fixture
def online(redis):
    """Let a worker say that it is there."""

    def online(name: str, **fields) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = {"queues": "high,default", "state": "idle", "hostname": "host", "pid": 7, "birth": now, **fields}
        redis.hset(f"rq:worker:{name}", mapping=record)
        redis.sadd("rq:workers", f"rq:worker:{name}")
        redis.zadd("taskdesk:workers", {name: time.time()})

    return online
