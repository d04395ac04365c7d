"""Event streams of a running job."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from taskdesk.jobs.jobs import Jobs
from taskdesk.web.streams.event_streams import EventStreams
from taskdesk.web.streams.job_notifier import JobNotifier
from tests.conftest import wait_until
from tests.web.streams.one_job import begin

NEVER = 600.0  # seconds between heartbeats, so that a test sees none


@pytest.fixture
def running(redis: Redis) -> Redis:
    """A Redis in which JOB is running."""
    begin(redis)
    return redis


@pytest.fixture
def streams(running: Redis, redis_url: str) -> Iterator[Callable[..., EventStreams]]:
    made = []

    def streams(most: int = 50, most_per_client: int = 50, heartbeat: float = NEVER) -> EventStreams:
        jobs = Jobs(running, ("default",))
        made.append(EventStreams(running, jobs, JobNotifier(redis_url), most, most_per_client, heartbeat))
        return made[-1]

    yield streams
    for opened in made:
        for watcher in [watcher for feed in opened._feeds.values() for watcher in feed.watchers]:
            watcher.close()
        wait_until(lambda opened=opened: not opened._notifier._waiting)
