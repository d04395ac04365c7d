"""Schedules in an empty Redis, and a clock for them: a test says what time it is."""

from __future__ import annotations

import pytest

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import SCHEDULES, schedule_key
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.schedules.firing import Firing
from taskdesk.jobs.schedules.store import Schedules

QUEUES = ("high", "default", "low")


@pytest.fixture
def reader(redis, registry):
    return CatalogReader(redis)


@pytest.fixture
def schedules(redis, reader):
    return Schedules(redis, reader, QUEUES)


@pytest.fixture
def jobs(redis):
    return Jobs(redis, QUEUES)


@pytest.fixture
def make_firing(redis, reader, jobs):
    def make(**options) -> Firing:
        return Firing(redis, jobs, reader, Retention(result_ttl=100, failure_ttl=200), **options)

    return make


@pytest.fixture
def fire_at(redis, make_firing):
    """Do what a tick does at this time."""
    firing = make_firing()

    def fire_at(now: float) -> None:
        due = [schedule_id.decode() for schedule_id in redis.zrangebyscore(SCHEDULES, "-inf", now)]
        firing.fire(due, now, seconds=10)

    return fire_at


@pytest.fixture
def rewind(redis):
    """Let the slots of the last hours be due now."""

    def rewind(schedule_id: str, hours: int) -> None:
        now = int(redis.time()[0])
        redis.hset(schedule_key(schedule_id), "settled", now - 3600 * hours)
        redis.zadd(SCHEDULES, {schedule_id: now - 1})

    return rewind


@pytest.fixture
def job_ids(jobs):
    return lambda: sorted(job.id for job in jobs.page(200, None, Filter())[0])
