"""The statistics of tasks: workers write them, the web reads them."""

from __future__ import annotations

import socket
import time

import pytest

from taskdesk.jobs.keys import outcomes_key, run_times_key, statistics_key
from taskdesk.jobs.statistics import (
    BOUNDS,
    LAST_RUNS,
    STATISTICS_TTL_SECONDS,
    WRITE_SECONDS,
    Statistics,
    StatisticsWriter,
    last_runs,
    typical,
)
from taskdesk.service.redis import connect_with_timeout
from tests.conftest import RedisServer

TASK = "tasks.simple_task"


@pytest.fixture
def writer(redis):
    return StatisticsWriter(redis)


@pytest.fixture
def read(redis):
    def read(task: str = TASK) -> Statistics:
        with redis.pipeline() as pipeline:
            Statistics.ask(pipeline, task)
            [answer] = pipeline.execute()
        return Statistics.of(answer)

    return read


def succeed(writer, *times, wait=0.0):
    for seconds in times:
        writer.add(TASK, "default", succeeded=True, run=seconds, wait=wait)


def test_runs_are_counted_up_to_each_bound_and_the_bound_itself_belongs_to_it(writer, read):
    succeed(writer, 0.001, 0.005, 0.006, 4000)
    writer.write()

    counts = dict(zip(BOUNDS, read().run.counts, strict=True))

    assert [counts[bound] for bound in (0.005, 0.01, 3600, float("inf"))] == [2, 3, 3, 4]
    assert read().run.sum == pytest.approx(4000.012)


def test_what_two_processes_write_adds_up(redis, read):
    for writer in (StatisticsWriter(redis), StatisticsWriter(redis)):
        succeed(writer, 1.0, wait=20)
        writer.add(TASK, "default", succeeded=False, run=2.0, wait=None)
        writer.write()
        writer.write()

    statistics = read()

    assert (statistics.succeeded, statistics.failed) == (2, 2)
    assert (statistics.run.sum, statistics.run.counts[-1]) == (6, 4)
    assert (statistics.wait.sum, statistics.wait.counts[-1]) == (40, 2)


def test_a_typical_run_is_that_of_the_last_hundred_that_succeeded(redis, writer):
    succeed(writer, *[1000.0] * 7, *range(1, LAST_RUNS))
    writer.add(TASK, "default", succeeded=False, run=5000.0, wait=0)
    writer.write()
    succeed(writer, 100)
    writer.write()

    assert typical(redis, TASK, "other") == [(50.5, 95, 100), None]
    assert redis.llen(run_times_key(TASK)) == LAST_RUNS


def test_the_last_hundred_runs_tell_how_many_fail(redis, writer):
    writer.add(TASK, "default", succeeded=False, run=1.0, wait=0)
    succeed(writer, *[1.0] * 97)
    writer.write()
    for succeeded in (False, True, False):
        writer.add(TASK, "default", succeeded=succeeded, run=1.0, wait=0)
    writer.write()

    assert last_runs(redis, TASK, "other") == [(98, 2), (0, 0)]
    assert redis.llen(outcomes_key(TASK)) == LAST_RUNS


def test_nothing_is_typical_where_nothing_has_succeeded(redis, writer):
    writer.add(TASK, "default", succeeded=False, run=1.0, wait=0)
    writer.write()

    assert typical(redis, TASK) == [None]


def test_the_statistics_of_a_task_go_thirty_days_after_its_last_run(redis, writer):
    succeed(writer, 1.0)
    writer.write()

    assert (
        redis.ttl(statistics_key(TASK))
        == redis.ttl(run_times_key(TASK))
        == redis.ttl(outcomes_key(TASK))
        == STATISTICS_TTL_SECONDS
        == 30 * 86400
    )


def test_it_is_time_to_write_once_a_second_and_only_if_there_is_something(redis, writer):
    assert writer.due_in() == float("inf")
    succeed(writer, 1.0)
    assert writer.due_in() <= 0
    writer.write()
    assert writer.due_in() == float("inf")
    succeed(writer, 1.0)
    assert 0.9 * WRITE_SECONDS < writer.due_in() <= WRITE_SECONDS


def test_a_write_is_one_round_trip(redis):
    sent = []
    writer = StatisticsWriter(redis)
    succeed(writer, 1.0)
    writer.add("tasks.other", "default", succeeded=False, run=1.0, wait=0)
    redis.ping()
    [connection] = redis.connection_pool._available_connections
    send = connection.send_packed_command
    connection.send_packed_command = lambda *args, **options: (sent.append(args), send(*args, **options))

    writer.write()

    assert len(sent) == 1


def test_what_redis_did_not_take_is_written_later_and_once(tmp_path):
    server = RedisServer(tmp_path)
    redis = connect_with_timeout(server.url, 0.5)
    writer = StatisticsWriter(redis)
    succeed(writer, 1.0)

    writer.write()

    assert 5 < writer.due_in() <= 10
    server.start()
    try:
        writer.write()
        writer.write()
        assert typical(redis, TASK) == [(1, 1, 1)]
    finally:
        redis.close()
        server.stop()


def test_a_redis_that_is_silent_costs_half_a_second_at_most():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        writer = StatisticsWriter(connect_with_timeout(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 0.5))
        succeed(writer, 1.0)
        began = time.monotonic()

        writer.write()

        assert time.monotonic() - began < 5


def test_a_damaged_key_does_not_have_the_others_counted_again(redis, writer, read):
    redis.set(statistics_key("tasks.damaged"), "no hash")
    succeed(writer, 1.0)
    writer.add("tasks.damaged", "default", succeeded=True, run=1.0, wait=0)

    writer.write()
    writer.write()

    assert read().succeeded == 1
