"""The numbers of the charts: workers write steps of a minute and of an hour, the web reads periods of them."""

from __future__ import annotations

import pytest

from taskdesk.jobs.charts import read_chart
from taskdesk.jobs.keys import KEY_PREFIX
from taskdesk.jobs.series import PERIODS, of_queue, of_task, write_step
from taskdesk.jobs.statistics import StatisticsWriter
from taskdesk.service import clock

TASK = "tasks.simple_task"
HOUR = 3600.0


@pytest.fixture
def write(redis):
    def write(now, **counts):
        with redis.pipeline() as pipeline:
            write_step(pipeline, of_task(TASK), counts, {}, now)
            pipeline.execute()

    return write


def test_attempts_stand_in_the_last_step_of_each_period_of_their_task_and_their_queue(redis):
    writer = StatisticsWriter(redis)
    writer.add(TASK, "default", succeeded=True, run=2.0, wait=0.2)
    writer.add(TASK, "high", succeeded=False, run=4.0, wait=None)
    writer.write()

    for period in PERIODS.values():
        now = clock.now()
        step = read_chart(redis, [of_task(TASK)], period, now)[-1]
        assert (step.succeeded, step.failed, step.run, step.wait) == (1, 1, (3.0, 5), (0.2, 0.25))
        assert 0 <= now - step.at < period.step_seconds
        assert read_chart(redis, [of_queue("high")], period, now)[-1][1:] == (0, 1, (4.0, 5), None)
        both = read_chart(redis, [of_queue("high"), of_queue("default")], period, now)[-1]
        assert both == step


def test_a_period_has_all_its_steps_oldest_first_and_nothing_older(redis, write):
    now = 1_000 * HOUR + 59.0
    for at, counts in ((now - 59 * 60, 1), (now - 60 * 60, 2), (now - 23 * HOUR, 4), (now - 167 * HOUR, 8)):
        write(at, succeeded=counts)
    write(now - 168 * HOUR, succeeded=16)

    def counted(period):
        return [step.succeeded for step in read_chart(redis, [of_task(TASK)], PERIODS[period], now)]

    assert counted("hour") == [1] + 59 * [0]
    assert counted("day") == [4, *(21 * [0]), 3, 0]
    assert counted("week") == [8, *(143 * [0]), 4, *(21 * [0]), 3, 0]


def test_a_step_expires_when_no_period_shows_it_any_more(redis, write):
    write(clock.now(), succeeded=1)

    lifetimes = sorted(redis.ttl(key) for key in redis.keys(f"{KEY_PREFIX}:series:*"))
    assert lifetimes == [pytest.approx(61 * 60, abs=5), pytest.approx(169 * HOUR, abs=5)]


def test_very_long_times_are_beyond_the_last_bound(redis):
    writer = StatisticsWriter(redis)
    writer.add(TASK, "default", succeeded=True, run=9_000.0, wait=0)
    writer.write()

    assert read_chart(redis, [of_task(TASK)], PERIODS["hour"], clock.now())[-1].run == (9_000.0, float("inf"))


def test_what_is_damaged_counts_as_nothing(redis, write):
    now = clock.now()
    write(now, succeeded=1)
    [minute, _] = sorted(redis.keys(f"{KEY_PREFIX}:series:*"), key=redis.ttl)
    redis.hset(minute, mapping={"failed": "x", "run:1": "?", "run_sum": b"\xff"})
    assert read_chart(redis, [of_task(TASK)], PERIODS["hour"], now)[-1][1:] == (1, 0, None, None)
    redis.delete(minute)
    redis.set(minute, "x")
    assert read_chart(redis, [of_task(TASK)], PERIODS["hour"], now)[-1][1:] == (0, 0, None, None)
