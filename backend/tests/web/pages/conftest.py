"""Fixtures for the tests of several pages."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest


@pytest.fixture
def page(client):
    """Return the text of a page: without markup, with one space between words."""
    return lambda path: " ".join(re.sub(r"<[^>]*>", " ", client.get(path).text).split())


@pytest.fixture
def online(redis):
    """Announce a worker."""

    def online(name: str, **fields) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = {"queues": "high,default", "state": "idle", "hostname": "host", "pid": 7, "birth": now, **fields}
        redis.hset(f"rq:worker:{name}", mapping=record)
        redis.sadd("rq:workers", f"rq:worker:{name}")
        redis.zadd("taskdesk:workers", {name: time.time()})

    return online
