"""The page of the queues, without JavaScript."""

from __future__ import annotations

import re

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.keys import ended_key


def test_queues_count_queued_running_and_ended_jobs_and_link_to_them(client, submit, run_worker, page):
    submit("echo", {"text": "a"})
    submit("raises", {})
    run_worker()
    submit("echo", {"text": "a"})

    text, markup = page("/queues"), client.get("/queues").text

    assert "1 succeeded , 1 failed ; peak 2 per minute" in text
    assert text.index("high") < text.index("default") < text.index("low")
    assert "/jobs?status=queued&amp;queue=default" in markup
    assert len(re.findall(r'<rect class="good"', markup)) == len(re.findall(r'<rect class="bad"', markup)) == 1
    assert text.count("No jobs finished in the last hour") == 2


def test_a_queue_counts_the_jobs_that_wait_for_others(redis, client):
    assert "status=waiting" not in client.get("/queues").text
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    first = queue.enqueue("tests.sample_tasks.echo", "a")
    queue.enqueue("tests.sample_tasks.echo", "b", depends_on=first)

    assert '<a href="/jobs?status=waiting&amp;queue=default">1</a>' in client.get("/queues").text


def test_a_queue_that_no_worker_serves_says_what_to_do(page, online, submit):
    online("one")
    submit("echo", {"text": "a"})

    text = page("/queues")

    assert text.count("No worker serves the queue") == 1
    assert "QUEUES=low taskdesk worker" in text


def test_a_queue_says_when_it_will_be_empty(page, online, submit, redis):
    online("one")
    submit("echo", {"text": "a"})
    assert "empty in about" not in page("/queues")
    redis.hset(ended_key("default"), f"{redis.time()[0] // 60} succeeded", 1)

    assert re.search(r"default 1 empty in about (1 min|\d+(\.\d)? s)", page("/queues"))


def test_a_queue_is_paused_and_resumed_by_a_form(client, page, submit, run_worker, redis):
    answer = client.post("/queues/default", data={"paused": "yes"})
    job_id = submit("echo", {"text": "a"})
    run_worker()
    paused, waits = page("/queues"), client.get(f"/api/v1/jobs/{job_id}").json["status"]
    client.post("/queues/default", data={"paused": "no"})
    run_worker()

    assert (answer.status_code, answer.location) == (303, "/queues")
    assert ("default paused" in paused, paused.count("Resume"), waits) == (True, 1, "queued")
    assert "default paused" not in page("/queues")
    assert client.get(f"/api/v1/jobs/{job_id}").json["status"] == "succeeded"


@pytest.mark.parametrize(
    ("name", "form", "status"),
    [("default", {}, 422), ("default", {"paused": "x"}, 422), ("no", {"paused": "yes"}, 404)],
)
def test_an_unknown_change_of_a_queue_is_refused(client, redis, name, form, status):
    answer = client.post(f"/queues/{name}", data=form, headers={"Accept": "text/html"})

    assert (answer.status_code, redis.exists("taskdesk:paused")) == (status, 0)


def test_no_other_site_pauses_a_queue(client, redis):
    answer = client.post("/queues/default", data={"paused": "yes"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, redis.exists("taskdesk:paused")) == (403, 0)
