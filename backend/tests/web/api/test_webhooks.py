"""Webhooks by API, page and command line: what was sent about a job, sent again, switched on."""

from __future__ import annotations

import re

import pytest

from taskdesk.jobs.deliveries import CLAIM, SETTLE_DELIVERY, Deliveries, Message, attempt_json, send
from taskdesk.jobs.keys import ENDED, delivery_key, job_key
from taskdesk.service.outbound import receiver_of

URL = "https://app.test/hooks?token=canary"


@pytest.fixture
def job_id(client):
    return client.post("/api/v1/tasks/echo/jobs", query_string={"webhook": URL}, json={"text": "a"}).json["id"]


@pytest.fixture
def settle(redis, job_id):
    """Send a message about the job, and let the attempt end like this."""

    def settle(status, answer=200, error="", off=""):
        send(redis, Message(URL, b"{}", job_id, "job.succeeded", id="one"))
        CLAIM(redis, 32, 30)
        arguments = ["one", receiver_of(URL), status, attempt_json(error, answer, 0.08), 60, 0.08, error, 0, off]
        assert SETTLE_DELIVERY(redis, *arguments, attempt_json("late"))

    return settle


def listed(client, job_id):
    return client.get(f"/api/v1/jobs/{job_id}/deliveries").json["data"]


def test_a_job_shows_its_webhook_without_the_query(client, job_id):
    job = client.get(f"/api/v1/jobs/{job_id}").json

    assert job["webhook"] == "https://app.test/hooks?…"
    assert listed(client, job_id) == []


def test_a_batch_and_a_retry_have_the_webhook(client, redis, job_id, run_worker):
    path = "/api/v1/tasks/echo/jobs:batch"
    [batched] = client.post(path, query_string={"webhook": URL}, json={"inputs": [{"text": "a"}]}).json["ids"]
    run_worker()
    retried = client.post(f"/api/v1/jobs/{job_id}/retry").json["id"]

    assert [redis.hget(job_key(one), "td_webhook") for one in (batched, retried)] == [URL.encode()] * 2
    assert redis.llen(ENDED) == 2


def test_an_empty_webhook_is_none(client):
    job = client.post("/api/v1/tasks/echo/jobs?webhook=", json={"text": "a"}).json

    assert client.get(job["links"]["self"]).json["webhook"] is None


@pytest.mark.parametrize("path", ["jobs", "jobs:batch"])
@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "x", "https://ann:pw@a.test/", "http://a.test:0/", "https://a.test/\n"]
)
def test_a_url_that_can_never_be_right_is_refused(client, redis, path, url):
    body = {"text": "a"} if path == "jobs" else {"inputs": [{"text": "a"}]}
    answer = client.post(f"/api/v1/tasks/echo/{path}", query_string={"webhook": url}, json=body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/webhook"]
    assert redis.keys("rq:job:*") == []


def test_a_request_with_another_webhook_is_another_request(client):
    def submit(webhook):
        headers = {"Idempotency-Key": "k"}
        return client.post(
            "/api/v1/tasks/echo/jobs", query_string={"webhook": webhook}, json={"text": "a"}, headers=headers
        )

    assert submit(URL).json["id"] == submit(URL).json["id"]
    assert submit("https://b.test/").status_code == 422


def test_deliveries_and_their_attempts_are_listed(client, job_id, settle):
    settle("waiting", 500, "The receiver answered 500.")

    [delivery] = listed(client, job_id)
    assert delivery["status"] == "waiting"
    assert delivery["url"] == "https://app.test/hooks?…"
    assert delivery["hold"] == "The receiver answered 500."
    [attempt] = delivery["attempts"]
    assert (attempt["status"], attempt["seconds"], attempt["error"]) == (500, 0.08, "The receiver answered 500.")


def test_a_delivery_that_has_failed_is_sent_again(client, redis, job_id, settle):
    settle("failed", 500, "No.")

    answer = client.post(f"/api/v1/jobs/{job_id}/deliveries/one/redeliver")

    assert (answer.status_code, answer.json["status"]) == (202, "waiting")
    assert redis.hget(delivery_key("one"), "tries") == b"0"


@pytest.mark.parametrize("other", ["two", "x" * 300, "a:b"])
def test_an_unknown_delivery_is_not_found(client, job_id, settle, other):
    settle("failed", 500, "No.")

    assert client.post(f"/api/v1/jobs/{job_id}/deliveries/{other}/redeliver").status_code == 404


def test_an_address_that_is_switched_off_is_listed_and_switched_on(client, job_id, settle):
    settle("failed", 410, "Gone.", off=URL)
    [off] = client.get("/api/v1/webhooks").json["switched_off"]

    assert off["url"] == "https://app.test/hooks?…"
    assert client.post(f"/api/v1/jobs/{job_id}/deliveries/one/redeliver").status_code == 409
    assert client.post("/api/v1/webhooks:switch-on", json={"url": "https://b.test/"}).status_code == 422
    assert client.post("/api/v1/webhooks:switch-on", json={"url": off["url"]}).json["switched_off"] == []
    assert client.post(f"/api/v1/jobs/{job_id}/deliveries/one/redeliver").status_code == 202


def test_the_page_of_a_job_shows_its_deliveries(client, job_id, settle, run_worker):
    assert "It hears of the end of this job." in client.get(f"/jobs/{job_id}").text
    run_worker()
    assert "about to be sent" in client.get(f"/jobs/{job_id}").text
    settle("failed", 500, "The receiver answered 500: <b>")

    page = client.get(f"/jobs/{job_id}").text

    assert "500 in 80\N{NO-BREAK SPACE}ms" in page
    assert "answered 500: &lt;b&gt;" in page
    assert "canary" not in page
    [action] = re.findall(r'action="([^"]*redeliver)"', page)
    assert client.post(action).status_code == 303
    assert "Next attempt" in client.get(f"/jobs/{job_id}").text


def test_the_page_switches_an_address_on_and_sends_again(client, redis, job_id, settle):
    settle("failed", 410, "Gone.", off=URL)

    [action] = re.findall(r'action="([^"]*switch-on)"', client.get(f"/jobs/{job_id}").text)

    assert client.post(action).status_code == 303
    assert Deliveries(redis).switched_off() == {}
    assert listed(client, job_id)[0]["status"] == "waiting"


def test_the_metrics_count_deliveries(client, job_id, settle):
    settle("delivered")
    metrics = client.get("/metrics").text

    assert 'taskdesk_deliveries_total{outcome="delivered"} 1.0' in metrics
    assert "taskdesk_deliveries_waiting 0.0" in metrics
