"""Notifications go on after a connection that failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from taskdesk.jobs.keys import WAKE
from taskdesk.web.streams import job_notifier
from taskdesk.web.streams.job_notifier import JobNotifier
from tests.conftest import RedisServer, wait_until
from tests.faults.proxy import Proxy
from tests.web.streams.one_job import JOB


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    proxy = Proxy(redis_server.port)
    proxy.start()
    yield proxy
    proxy.stop()


def test_notifications_come_again_after_a_connection_that_died_in_silence(redis, proxy, monkeypatch, caplog):
    monkeypatch.setattr(job_notifier, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(job_notifier, "RECONNECT_SECONDS", 0.05)
    news = JobNotifier(f"redis://127.0.0.1:{proxy.port}/0").add(JOB)
    assert news.wait(10)
    news.clear()

    proxy.black_hole()
    wait_until(lambda: "Redis is silent" in caplog.text)
    proxy.open()

    assert news.wait(10)  # for what was missed
    news.clear()
    redis.publish(WAKE, JOB)
    assert news.wait(10)
