"""Which failed jobs are tried again, and when."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from taskdesk import Backoff, RetryLater
from taskdesk.service import clock


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "attempts"),
    [("OSError", 2), ("KeyError", 2), ("ConnectionError", 1), ("ValueError", 1), ("Timeout", 1)],
)
def test_a_job_is_tried_again_after_the_errors_that_its_task_names_and_never_after_those_it_gives_up_on(
    run, error, attempts
):
    [job] = run(("fails_with", {"error": error}))

    assert (job.status, job.attempt, job.error["type"]) == ("failed", attempts, error)


@pytest.mark.slow
def test_a_job_over_its_time_is_tried_again_whatever_errors_its_task_names(run):
    [job] = run(("takes_too_long", {}))

    assert (job.status, job.attempt, job.error["type"]) == ("failed", 2, "Timeout")


def test_the_backoff_of_a_task_says_how_long_each_retry_waits(run, redis):
    [job] = run(("waits_long", {}))

    waits = json.loads(redis.hget(f"rq:job:{job.id}", "retry_intervals"))
    assert all(0.5 * about <= wait <= 1.5 * about for about, wait in zip((10, 30, 60), waits, strict=True))
    assert job.status == "scheduled"
    assert (job.scheduled_at - job.ended_at).total_seconds() == pytest.approx(waits[0], abs=0.5)


def test_a_backoff_grows_by_its_factor_up_to_its_most():
    waits = Backoff(first=10, factor=3, most=3600).intervals(300)

    abouts = [10, 30, 90, 270, 810, 2430, *[3600] * 294]
    assert all(0.5 * about <= wait <= 1.5 * about for about, wait in zip(abouts, waits, strict=True))
    assert len(set(waits)) > 200


def test_a_task_may_ask_for_another_attempt_at_its_own_time(run):
    [job] = run(("asks_for_later", {"seconds": 3600}))

    assert (job.status, job.attempt) == ("scheduled", 2)
    assert abs(job.scheduled_at - clock.utc_now() - timedelta(hours=1)) < timedelta(minutes=1)
    assert "in 3600 s (RetryLater)" in job.attempts[0].error["detail"]


def test_each_attempt_that_a_task_asks_for_takes_one_of_its_retries(run, jobs):
    [job] = run(("asks_for_later", {"seconds": 0}))

    assert (job.status, job.attempt) == ("failed", 2)
    assert job.error["title"] == "No retries left"
    assert "ConnectionError: too many requests" in jobs.results.traceback(job.id)


def test_a_task_without_retries_has_none_to_ask_for(run):
    [job] = run(("asks_for_later_without_retries", {}))

    assert (job.status, job.error["title"]) == ("failed", "No retries left")


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12, "60", None, True])
def test_a_retry_needs_a_number_of_seconds(seconds):
    with pytest.raises(ValueError, match=r"RetryLater\(.*\): give a number of seconds from 0 to 31,622,400"):
        RetryLater(seconds)
