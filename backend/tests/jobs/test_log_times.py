"""The times of the lines of a log: a record a second at most, none for a short job, and never many."""

from __future__ import annotations

import time

import pytest

from taskdesk.jobs.events import append_log
from taskdesk.jobs.joblog import HEAD_BYTES, MAX_LOG_BYTES
from taskdesk.jobs.keys import job_key
from taskdesk.jobs.log_times import MAX_TIMES, LineTime, add_time, read_times, times_text
from taskdesk.worker.shared.log_clock import LogClock

AGO = 10.0  # seconds


@pytest.fixture
def job_id(redis):
    redis.hset(job_key("one"), "status", "started")
    return "one"


def write(redis, log_clock, *, began, before=0, offset=0):
    times = log_clock.note(redis, "one", began, before, offset)
    append_log(redis, "one", b"line\n", offset=offset, ttl=60, times=times)


def test_lines_of_the_first_second_have_no_record(redis, job_id):
    log_clock, began = LogClock(), time.monotonic() + AGO
    for offset in (0, 5, 10):
        write(redis, log_clock, began=began, offset=offset)

    assert read_times(redis, job_id) == []


def test_later_lines_have_a_record_but_not_two_of_the_same_second(redis, job_id):
    log_clock, began = LogClock(), time.monotonic() - AGO
    for offset in (5, 10):
        write(redis, log_clock, began=began, offset=offset)

    [only] = read_times(redis, job_id)
    assert (only.offset, only.at) == (5, pytest.approx(time.time(), abs=5))


def test_another_attempt_and_the_supervisor_add_to_the_records(redis, job_id):
    write(redis, LogClock(), began=time.monotonic() - AGO, offset=5)
    write(redis, LogClock(), began=time.monotonic(), before=10, offset=10)
    write(redis, LogClock(), began=0, before=15, offset=15)

    assert [record.offset for record in read_times(redis, job_id)] == [5, 10, 15]


def test_a_clock_forgets_the_job_before(redis, job_id):
    log_clock = LogClock()
    log_clock.note(redis, "another", time.monotonic() - AGO, 0, 1000)
    write(redis, log_clock, began=time.monotonic() - AGO, offset=5)

    assert [record.offset for record in read_times(redis, job_id)] == [5]


def test_a_job_that_was_deleted_meanwhile_does_not_come_back(redis):
    write(redis, LogClock(), began=time.monotonic() - AGO)

    assert not redis.exists(job_key("one"))


@pytest.mark.slow
def test_a_record_for_each_second_of_a_day_stays_small_and_dense_at_the_end(redis):
    times = []
    for second in range(24 * 3600):
        times = add_time(times, LineTime(second, second))

    assert len(times) <= MAX_TIMES
    assert len(times_text(times)) < 10_000
    assert [record.at for record in times[-200:]] == list(range(24 * 3600 - 200, 24 * 3600))
    assert times[0].at == 0


def test_records_of_what_the_log_has_left_out_are_gone():
    times = []
    for offset in (0, HEAD_BYTES - 1, HEAD_BYTES + 1, MAX_LOG_BYTES + 100, MAX_LOG_BYTES + 200):
        times = add_time(times, LineTime(offset, 1))

    assert [record.offset for record in times] == [0, HEAD_BYTES - 1, MAX_LOG_BYTES + 100, MAX_LOG_BYTES + 200]


@pytest.mark.parametrize("damaged", ["x", "1", "1:2:3", "1:x", "\xff", "9" * 5000 + ":1"])
def test_damaged_records_are_none(redis, job_id, damaged):
    redis.hset(job_key(job_id), "td_log_times", damaged)

    assert read_times(redis, job_id) == []


def test_a_key_that_holds_no_hash_has_none(redis):
    redis.set(job_key("one"), "x")

    assert read_times(redis, "one") == []
