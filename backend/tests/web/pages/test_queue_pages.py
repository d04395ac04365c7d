"""The pages of the queues and the workers, and the figures on the desk, without JavaScript."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from taskdesk.jobs.catalog import BrokenModule, Catalog, announce
from taskdesk.jobs.throughput import ended_key
from taskdesk.web.pages.queues import Bar, bars


@pytest.fixture
def submit(client):
    return lambda task, values: client.post(f"/api/v1/tasks/{task}/jobs", json=values).json["id"]


@pytest.fixture
def page(client):
    """The text of a page as one reads it: no markup, and one space between words."""
    return lambda path: " ".join(re.sub(r"<[^>]*>", " ", client.get(path).text).split())


@pytest.fixture
def online(redis):
    """Let a worker say that it is there."""

    def online(name: str, **fields) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = {"queues": "high,default", "state": "idle", "hostname": "host", "pid": 7, "birth": now, **fields}
        redis.hset(f"rq:worker:{name}", mapping=record)
        redis.sadd("rq:workers", f"rq:worker:{name}")
        redis.zadd("taskdesk:workers", {name: time.time()})

    return online


def test_queues_show_what_waits_runs_and_ended_and_lead_to_the_jobs(client, submit, run_worker, page):
    submit("echo", {"text": "a"})
    submit("raises", {})
    run_worker()
    submit("echo", {"text": "a"})

    text, markup = page("/queues"), client.get("/queues").text

    assert "In the last hour 1 succeeded , 1 failed ; at most" in text
    assert text.index("high") < text.index("default") < text.index("low")
    assert "/jobs?status=queued&amp;queue=default" in markup
    assert len(re.findall(r'<rect class="good"', markup)) == len(re.findall(r'<rect class="bad"', markup)) == 1
    assert text.count("None has ended in the last hour") == 2


def test_a_queue_that_no_worker_serves_says_what_to_do(page, online, submit):
    online("one")
    submit("echo", {"text": "a"})

    text = page("/queues")

    assert text.count("No worker serves this queue") == 1
    assert "QUEUES=low python worker.py" in text


def test_a_queue_says_when_it_will_be_empty(page, online, submit, redis):
    online("one")
    submit("echo", {"text": "a"})
    assert "done in about" not in page("/queues")
    redis.hset(ended_key("default"), f"{redis.time()[0] // 60} succeeded", 1)

    assert re.search(r"Waiting 1 of 100,000, done in about (1 min|\d+(\.\d)? s)", page("/queues"))


def test_a_queue_is_paused_by_a_form_and_goes_on(client, page, submit, run_worker, redis):
    answer = client.post("/queues/default", data={"paused": "yes"})
    job_id = submit("echo", {"text": "a"})
    run_worker()
    paused, waits = page("/queues"), client.get(f"/api/v1/jobs/{job_id}").json["status"]
    client.post("/queues/default", data={"paused": "no"})
    run_worker()

    assert (answer.status_code, answer.location) == (303, "/queues")
    assert ("default paused Resume" in paused, waits) == (True, "queued")
    assert "default paused" not in page("/queues")
    assert client.get(f"/api/v1/jobs/{job_id}").json["status"] == "succeeded"


@pytest.mark.parametrize(
    ("name", "form", "status"),
    [("default", {}, 422), ("default", {"paused": "x"}, 422), ("no", {"paused": "yes"}, 404)],
)
def test_a_wish_that_can_not_be_read_changes_nothing(client, redis, name, form, status):
    answer = client.post(f"/queues/{name}", data=form, headers={"Accept": "text/html"})

    assert (answer.status_code, redis.exists("taskdesk:paused")) == (status, 0)


def test_no_other_site_pauses_a_queue(client, redis):
    answer = client.post("/queues/default", data={"paused": "yes"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, redis.exists("taskdesk:paused")) == (403, 0)


def test_a_minute_of_the_chart_is_as_high_as_its_jobs_and_one_job_can_be_seen(redis, web_settings, client):
    minute = redis.time()[0] // 60
    redis.hset(
        ended_key("default"),
        mapping={f"{minute - 1} succeeded": 1000, f"{minute - 1} failed": 1, f"{minute - 20} succeeded": 500},
    )
    queue = client.application.extensions["desk"].queues.get("default")

    earlier, later = bars(queue)

    assert (earlier.succeeded, earlier.bad, round(earlier.good)) == (500, 0, 47)
    assert (later.failed, later.bad) == (1, 3)
    assert later.good + later.bad <= 100
    assert isinstance(later, Bar)
    assert later.minutes_ago < earlier.minutes_ago


def test_a_worker_shows_what_it_runs_and_what_it_is(client, page, online, submit, redis, registry):
    job_id = submit("echo", {"text": "a"})
    started_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    redis.hset(f"rq:job:{job_id}", mapping={"status": "started", "started_at": started_at})
    mine = {"catalog": registry.catalog.digest, "td_memory": 64_000_000, "td_version": "0.1.0"}
    online(
        "one", state="busy", current_job=job_id, failed_job_count=2, python_version="3.12.1 (x)", version="2.1", **mine
    )
    online("two", state="started")

    text = page("/workers")

    assert "2 online: 1 busy, 1 starting." in text
    assert f"busy echo {job_id[:8]} since {started_at[:10]}" in text
    assert "2 failed 64.0 MB" in text
    assert f"{registry.catalog.digest[:7]} Taskdesk 0.1.0 RQ 2.1 Python 3.12.1" in text
    assert f"/jobs/{job_id}" in client.get("/workers").text
    assert "versions of the tasks" not in text


def test_two_versions_of_the_tasks_and_a_broken_file_are_said(page, online, registry, redis):
    changed = Catalog(
        tasks=registry.catalog.tasks, broken=[BrokenModule(module="tasks.mail", error="no <b>smtplib2</b>")]
    )
    announce(redis, changed)
    online("old", catalog=registry.catalog.digest)
    online("new", catalog=changed.digest)

    text = page("/workers")

    assert "Two versions of the tasks are online" in text
    assert "tasks.mail can’t be used, the other tasks can. no &lt;b&gt;smtplib2&lt;/b&gt;" in text


def test_where_no_worker_is_online_the_page_says_how_to_start_one(page):
    text = page("/workers")

    assert "No worker is online" in text
    assert "python worker.py" in text


def test_the_desk_leads_to_what_it_counts_and_tells_how_tasks_do(client, page, submit, run_worker):
    submit("raises", {})
    submit("echo", {"text": "a"})
    run_worker()

    text, markup = page("/"), client.get("/").text

    assert "Completed 1 Failed, last hour 1 Workers 0" in text
    assert re.search(r"echo queue default · usually (\d+ ms|under 1 ms)", text)
    assert re.search(r"raises queue default · 100&nbsp;% failed", text)
    for link in ("/queues", "/jobs?status=running", "/jobs?status=succeeded", "/jobs?status=failed", "/workers"):
        assert f'<a href="{link}">' in markup
