"""A job that no worker serves says so: in the API, on its page, in lists, on the page of the queues, in the metrics."""

from __future__ import annotations

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.catalog import Catalog, announce
from tests.web.metrics.test_metrics import Figures

REASON = "No worker here serves tests.sample_tasks.nothing."


@pytest.fixture
def job_id(redis, registry, run_worker):
    """A job that RQ's own code enqueued, and that a worker has handed back."""
    queue = Queue("low", connection=redis, serializer=JSONSerializer)
    job_id = queue.enqueue("tests.sample_tasks.nothing", "ab", failure_ttl=100).id
    run_worker()
    return job_id


@pytest.fixture
def shown(client, job_id):
    return lambda: client.get(f"/api/v1/jobs/{job_id}").json


def test_the_api_says_why_it_waits(shown):
    job = shown()

    assert (job["status"], job["reason"], job["scheduled_at"], job["started_at"]) == ("waiting", REASON, None, None)
    assert job["links"].keys() >= {"cancel"}


def test_a_job_that_waits_for_nothing_has_no_reason(client):
    job = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).json

    assert job["reason"] is None


def test_what_only_an_older_version_takes_is_accepted_while_that_is_online(client, redis, registry):
    echo = registry.catalog.tasks["echo"]
    old = echo.model_copy(update={"input_schema": {"type": "object", "properties": {"word": {"type": "string"}}}})
    catalogs = [Catalog(tasks={"echo": old}), registry.catalog]
    for number, catalog in enumerate(catalogs):
        announce(redis, catalog)
        redis.sadd("rq:workers", f"rq:worker:{number}")
        redis.hset(f"rq:worker:{number}", mapping={"queues": "default", "state": "idle", "catalog": catalog.digest})

    submits = [
        client.post("/api/v1/tasks/echo/jobs", json=json) for json in ({"word": "a"}, {"text": "a"}, {"word": 1})
    ]

    assert [submit.status_code for submit in submits] == [202, 202, 422]


def test_its_page_says_why_it_waits(client, job_id):
    page = client.get(f"/jobs/{job_id}").text

    assert f"<strong>Waiting</strong> <span>{REASON}</span>" in page


def test_the_list_says_why_it_waits(client, redis, registry, run_worker):
    job = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).json
    redis.hset(f"rq:job:{job['id']}", "data", '["tests.sample_tasks.nothing", null, [], {}]')
    run_worker()

    page = client.get("/jobs?status=waiting").text
    listed = client.get("/api/v1/jobs?status=waiting").json["data"]

    assert REASON in page
    assert REASON in client.post("/jobs:live", data={"moving": job["id"]}).text
    assert [(one["id"], one["reason"]) for one in listed] == [(job["id"], REASON)]


def test_it_counts_as_waiting_and_as_handed_back(client, job_id):
    low = client.get("/api/v1/queues/low").json
    figures = Figures(client.get("/metrics").text)

    assert (low["jobs"]["waiting"], low["jobs"]["scheduled"], low["handed_back"]) == (1, 0, 1)
    assert figures["taskdesk_handed_back_jobs", "low"] == 1
    assert figures["rq_jobs", "low", "waiting"] == 1
    assert "/jobs?status=waiting&amp;queue=low" in client.get("/queues").text


def test_while_a_worker_serves_its_task_it_waits_for_that(client, redis, shown, job_id, registry):
    digest = registry.catalog.digest
    redis.sadd("rq:workers", "rq:worker:new")
    redis.hset("rq:worker:new", mapping={"queues": "low", "state": "busy", "catalog": digest})
    redis.hset(
        f"rq:job:{job_id}", "td_foreign", redis.hget(f"rq:job:{job_id}", "td_foreign").replace(b"nothing", b"echo")
    )

    assert shown()["reason"] == "It waits for a worker that serves tests.sample_tasks.echo."


def test_it_can_be_canceled(client, job_id, shown):
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 200
    assert (shown()["status"], shown()["reason"]) == ("canceled", None)
    assert client.get("/api/v1/queues/low").json["handed_back"] == 0
