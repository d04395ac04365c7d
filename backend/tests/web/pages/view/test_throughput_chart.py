"""The chart of a queue."""

from __future__ import annotations

from taskdesk.jobs.keys import ended_key
from taskdesk.web.pages.view.throughput_chart import Bar, bars


def test_a_minute_of_the_chart_is_as_high_as_its_jobs_and_one_job_can_be_seen(redis, web_settings, client):
    minute = redis.time()[0] // 60
    redis.hset(
        ended_key("default"),
        mapping={f"{minute - 1} succeeded": 1000, f"{minute - 1} failed": 1, f"{minute - 20} succeeded": 500},
    )
    queue = client.application.extensions["desk"].queues.get("default")

    earlier, later = bars(queue.last_hour)

    assert (earlier.succeeded, earlier.bad, round(earlier.good)) == (500, 0, 47)
    assert (later.failed, later.bad) == (1, 3)
    assert later.good + later.bad <= 100
    assert isinstance(later, Bar)
    assert later.minutes_ago < earlier.minutes_ago
