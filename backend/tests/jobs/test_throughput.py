"""The jobs of the last hour, minute by minute."""

from __future__ import annotations

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import ended_key
from taskdesk.jobs.queues import Queues
from taskdesk.jobs.throughput import MINUTES, LastHour
from taskdesk.worker.scripts import COUNT_SUCCESS

NOON = 1_800_000_000.0  # a whole minute
MINUTE = int(NOON // 60)
RETENTION = Retention(result_ttl=100, failure_ttl=200)


def fields(*rows):
    return {f"{MINUTE - ago} {outcome}".encode(): str(jobs).encode() for ago, outcome, jobs in rows}


@pytest.fixture
def count(redis):
    return lambda queue, jobs: [COUNT_SUCCESS(redis, queue) for _ in range(jobs)]


def test_each_minute_has_its_place_and_those_before_the_hour_have_none():
    hour = LastHour.of(fields((0, "succeeded", 5), (59, "succeeded", 2), (60, "succeeded", 9), (1, "failed", 3)), NOON)

    assert (hour.succeeded[0], hour.succeeded[-1], sum(hour.succeeded), len(hour.succeeded)) == (2, 5, 7, MINUTES)
    assert (hour.failed[-2], sum(hour.failed)) == (3, 3)
    assert hour.since == NOON - 59 * 60


@pytest.mark.parametrize(
    ("since", "rate"),
    [
        (NOON + 10, 30 / 30),  # the minute that has begun counts from its beginning
        (NOON - 1, 90 / 90),
        (NOON - 540, 150 / 570),
        (NOON - 3000, 150 / 570),  # ten minutes at most
    ],
)
def test_the_rate_is_that_of_the_last_minutes(since, rate):
    ended = fields(
        (0, "succeeded", 20), (0, "failed", 10), (1, "succeeded", 60), (9, "failed", 60), (10, "failed", 999)
    )

    assert LastHour.of(ended, NOON + 30).jobs_per_second(since) == pytest.approx(rate)


def test_what_is_counted_adds_up_and_is_forgotten_after_an_hour(count, redis):
    count("low", 2)
    count("low", 3)
    [before] = redis.hkeys(ended_key("low"))
    minute = int(before.split()[0])
    redis.hset(ended_key("low"), mapping={f"{minute - 60} failed": 7, f"{minute - 59} failed": 8})
    redis.hdel(ended_key("low"), before)

    count("low", 4)

    now, [seconds, _] = minute + 1, redis.time()
    left = {int(field.split()[0]) for field in redis.hkeys(ended_key("low"))}
    assert left <= {minute - 59, minute, now}
    assert sum(LastHour.of(redis.hgetall(ended_key("low")), seconds).succeeded) == 4
    assert 3590 < redis.ttl(ended_key("low")) <= 3600


def test_a_queue_knows_when_it_will_be_empty(jobs, echo, redis, count):
    queues = Queues(redis, ("high", "default"))
    idle = queues.get("default").drains_in
    jobs.submit_many(echo, [{"text": "a"}] * 20, RETENTION)
    unknown = queues.get("default").drains_in

    count("default", 40)
    seconds, _ = redis.time()
    known = queues.get("default").drains_in
    queues.pause("default")

    assert (idle, unknown, queues.get("default").drains_in) == (0, None, None)
    assert known == pytest.approx(20 / (40 / max(seconds % 60, 1)), abs=1)
