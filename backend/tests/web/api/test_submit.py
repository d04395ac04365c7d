"""Submits by the API: waiting for the end, idempotency keys, batches, queues, times and tags."""

from __future__ import annotations

import io
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Stack, wait_until


@pytest.fixture
def post(client):
    def post(task="echo", arguments=None, query="", **headers):
        values = {"text": "a"} if arguments is None else arguments
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(f"/api/v1/tasks/{task}/jobs{query}", json=values, headers=names)

    return post


@pytest.fixture
def batch(client):
    return lambda body, **options: client.post("/api/v1/tasks/echo/jobs:batch", json=body, **options)


@pytest.fixture
def worker(redis_url, tmp_path):
    """A real worker process."""
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1")
    stack.start("worker")
    yield stack
    stack.stop()


def test_a_client_that_prefers_to_wait_gets_the_job_when_it_has_ended(post, worker):
    answer = post(Prefer="respond-async, Wait=20")

    assert (answer.status_code, answer.json["status"], answer.json["result"]["value"]) == (200, "succeeded", "a")
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_a_job_that_takes_longer_than_the_client_waits_is_accepted(post):
    began = time.monotonic()

    answer = post(Prefer="wait=1")

    assert (answer.status_code, answer.json["status"], answer.headers["Retry-After"]) == (202, "queued", "1")
    assert 0.9 < time.monotonic() - began < 30


def test_a_job_can_be_waited_for_later(client, post, worker):
    location = post().location

    job = client.get(location, headers={"Prefer": "wait=20"})

    assert (job.json["status"], job.headers["Preference-Applied"]) == ("succeeded", "wait=20")


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=-1", "wait=1.5", "wait="])
def test_a_wait_that_is_not_a_number_is_named(client, post, prefer):
    location = post().location

    answers = [post(Prefer=prefer), client.get(location, headers={"Prefer": prefer})]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json["errors"][0]["pointer"] == "/Prefer"


def test_the_same_request_with_the_same_key_gets_the_same_job(client, post):
    first = post(Idempotency_Key="k-1")
    again = post(Idempotency_Key="k-1")

    assert (again.status_code, again.json["id"], again.location) == (202, first.json["id"], first.location)
    assert len(client.get("/api/v1/jobs").json["data"]) == 1


@pytest.mark.parametrize(
    ("task", "values", "query"),
    [
        ("echo", {"text": "b"}, ""),
        ("raises", {}, ""),
        ("echo", None, "?tag=x"),
        ("echo", None, "?queue=low"),
        ("echo", None, "?at=2020-01-01T00:00:00Z"),
    ],
)
def test_another_request_with_the_same_key_is_refused(post, task, values, query):
    post(Idempotency_Key="k-1")

    answer = post(task, values, query, Idempotency_Key="k-1")

    assert (answer.status_code, answer.json["title"]) == (422, "Idempotency key reused")


def test_a_key_whose_job_was_deleted_says_so(client, post):
    client.delete(post(Idempotency_Key="k-1").location)

    answer = post(Idempotency_Key="k-1")

    assert (answer.status_code, answer.json["title"]) == (409, "Job is gone")


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_an_invalid_key_is_named(post, key):
    answer = post(Idempotency_Key=key)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/Idempotency-Key")


def test_uploads_with_a_key_are_compared_by_their_content(client, tmp_path):
    def upload(content):
        form = {"data": (io.BytesIO(content), "a.csv")}
        return client.post("/api/v1/tasks/count_bytes/jobs", data=form, headers={"Idempotency-Key": "k-1"})

    first, again, other = upload(b"a,b\n"), upload(b"a,b\n"), upload(b"c,d\n")

    assert (first.json["id"], again.status_code, other.status_code) == (again.json["id"], 202, 422)
    assert len(list((tmp_path / "artifacts").glob("??/*"))) == 1


@pytest.mark.slow
def test_many_jobs_are_accepted_in_one_request(client, batch, run_worker):
    answer = batch({"inputs": [{"text": str(n)} for n in range(1_000)]}, query_string={"tag": "night"})
    run_worker()

    assert (answer.status_code, answer.json["count"], len(set(answer.json["ids"]))) == (202, 1_000, 1_000)
    job = client.get(f"/api/v1/jobs/{answer.json['ids'][7]}").json
    assert (job["result"]["value"], job["tags"]) == ("7", ["night"])


def test_no_job_of_a_batch_with_a_wrong_input_is_accepted(client, batch):
    answer = batch({"inputs": [{"text": "a"}, {"text": 5}, {"txet": "a"}]})

    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json["errors"]} == {
        "/inputs/1/text",
        "/inputs/2/text",
        "/inputs/2/txet",
    }
    assert client.get("/api/v1/jobs").json["data"] == []


@pytest.mark.parametrize(
    "body", [{}, {"inputs": []}, {"inputs": "a"}, {"inputs": ["a"]}, {"inputs": [{"text": "a"}] * 1_001}]
)
def test_an_invalid_batch_is_refused(batch, body):
    answer = batch(body)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/inputs")


def test_a_batch_with_a_key_is_done_once(client, batch):
    body = {"inputs": [{"text": "a"}, {"text": "b"}]}

    first, again = (batch(body, headers={"Idempotency-Key": "k-1"}) for _ in range(2))

    assert first.json["ids"] == again.json["ids"]
    assert batch({"inputs": [{"text": "c"}]}, headers={"Idempotency-Key": "k-1"}).status_code == 422


@pytest.mark.parametrize(
    "query", ["?tag=two words", "?tag=", "?tag=" + "x" * 65, "?" + "&".join(f"tag={n}" for n in range(11))]
)
def test_a_wrong_tag_is_named(post, query):
    answer = post(query=query)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/tag")


@pytest.mark.slow
def test_an_accepted_job_is_answered_though_redis_goes_away_while_the_client_waits(post, redis_server):
    stop = threading.Timer(0.5, redis_server.stop)
    stop.start()
    try:
        answer = post(Prefer="wait=2")
    finally:
        stop.join()
        redis_server.start()

    assert (answer.status_code, answer.json["status"]) == (202, "queued")


def test_a_json_body_that_is_sent_as_a_form_is_named(client):
    answer = client.post(
        "/api/v1/tasks/echo/jobs", data='{"text": "a"}', content_type="application/x-www-form-urlencoded"
    )

    assert (answer.status_code, "Content-Type: application/json" in answer.json["detail"]) == (415, True)


def test_some_of_a_thousand_wrong_entries_are_named(post):
    answer = post("every_kind", {"numbers": ["x"] * 10_000})

    assert (answer.status_code, len(answer.json["errors"])) == (422, 50)


def test_a_json_body_has_a_limit(client, post):
    assert post(arguments={"text": "x" * 1_100_000}).status_code == 413
    assert client.get("/api/v1/jobs").json["data"] == []


def test_two_hundred_requests_at_once_with_twenty_keys_make_twenty_jobs(client):
    """F21."""
    application, ids = client.application, {key: set() for key in range(20)}

    def request(number):
        headers = {"Idempotency-Key": str(number % 20)}
        answer = application.test_client().post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=headers)
        ids[number % 20].add((answer.status_code, answer.json["id"]))

    threads = [threading.Thread(target=request, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    wait_until(lambda: not any(thread.is_alive() for thread in threads))

    assert [len(found) for found in ids.values()] == [1] * 20
    assert len(client.get("/api/v1/jobs").json["data"]) == 20


TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S}Z"
MOMENT = "Must be a date and time with a zone, such as 2026-03-31T12:00:00Z."


def test_a_job_goes_to_the_queue_that_is_asked_for(client, post, batch):
    job = post(query="?queue=high").json
    ids = batch({"inputs": [{"text": "a"}]}, query_string={"queue": "low"}).json["ids"]

    assert job["queue"] == {"name": "high", "workers_online": 0}
    assert client.get("/api/v1/jobs?queue=low").json["data"][0]["id"] == ids[0]


def test_a_job_that_runs_later_is_scheduled_and_shows_when(client, post, batch):
    job = post(query=f"?at={TOMORROW}")
    [other] = batch({"inputs": [{"text": "a"}]}, query_string={"at": TOMORROW}).json["ids"]

    assert (job.status_code, job.json["status"]) == (202, "scheduled")
    shown = client.get(job.location).json
    assert (shown["scheduled_at"], shown["estimate"]) == (TOMORROW.replace("Z", ".000Z"), None)
    assert "position" not in shown["queue"]
    listed = client.get("/api/v1/jobs?status=scheduled").json["data"]
    assert [(one["id"], one["scheduled_at"]) for one in listed] == [
        (job_id, job.json["scheduled_at"]) for job_id in (other, job.json["id"])
    ]
    assert client.get("/api/v1/stats").json["jobs"]["scheduled"] == 2


def test_scheduled_jobs_are_canceled_in_bulk(client, batch):
    batch({"inputs": [{"text": "a"}] * 3}, query_string={"at": TOMORROW})

    done = client.post(
        "/api/v1/jobs:bulk", json={"action": "cancel", "filter": {"status": "scheduled"}, "expected_count": 3}
    )

    assert done.json["outcomes"] == {"canceled": 3}
    assert (
        client.get("/api/v1/stats").json["jobs"] | {"scheduled": 0, "canceled": 3}
        == client.get("/api/v1/stats").json["jobs"]
    )


@pytest.mark.slow
def test_a_worker_runs_a_scheduled_job_when_it_is_due(client, post, worker):
    wait_until(lambda: client.get("/api/v1/workers").json["data"], what="the worker is online")
    due = datetime.now(UTC) + timedelta(seconds=1.5)

    answer = post(query=f"?at={due:%Y-%m-%dT%H:%M:%S.%f}Z", Prefer="wait=20")

    job = answer.json
    assert (answer.status_code, job["status"], job["scheduled_at"]) == (200, "succeeded", None)
    assert due < datetime.fromisoformat(job["enqueued_at"]) < due + timedelta(seconds=5)


def test_a_scheduled_job_outlives_a_restart_of_redis(client, post, redis_server, redis, run_worker):
    location = post(query=f"?at={TOMORROW}").location
    redis_server.stop()
    redis_server.start()

    assert client.get(location).json["status"] == "scheduled"
    redis.zadd("rq:scheduled:default", {location.rpartition("/")[2]: time.time() - 1})
    run_worker()
    assert client.get(location).json["status"] == "succeeded"


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("queue=nothing", "/queue", "There is no queue 'nothing'. Choose one of: high, default, low."),
        ("queue=", "/queue", "There is no queue ''. Choose one of: high, default, low."),
        ("at=2026-12-01T08:00:00", "/at", MOMENT),
        ("at=tomorrow", "/at", MOMENT),
        ("at=2126-12-01T08:00:00Z", "/at", "This is more than 366 days ahead. Choose an earlier time."),
    ],
)
def test_a_wrong_option_is_named_with_a_hint(client, post, batch, query, pointer, detail):
    answers = post(query=f"?{query}"), batch({"inputs": [{"text": "a"}]}, query_string=query)

    assert [(answer.status_code, answer.json["errors"]) for answer in answers] == [
        (422, [{"pointer": pointer, "detail": detail}])
    ] * 2
    assert client.get("/api/v1/jobs").json["data"] == []


@pytest.mark.parametrize("address", ["/api/v1/tasks/every_kind/jobs", "/tasks/every_kind"])
def test_the_texts_of_a_form_are_limited_as_a_json_body(client, address):
    field = 'Content-Disposition: form-data; name="numbers"\r\n\r\n' + "1" * 600_000
    form = f"--b\r\n{field}\r\n--b\r\n{field}\r\n--b--\r\n"

    answer = client.post(address, data=form, content_type="multipart/form-data; boundary=b")

    assert answer.status_code == 413


def test_fifty_of_many_wrong_arguments_are_named_and_long_texts_are_cut(client, post):
    wrong = {"numbers": ["x" * 10_000] * 90, "k" * 9_000: 1}
    answers = [
        post("every_kind", wrong),
        client.post("/api/v1/tasks/every_kind/jobs:batch", json={"inputs": [wrong] * 15}),
        client.post(
            "/api/v1/tasks/every_kind/jobs", data={"numbers": ["x" * 2_000] * 190}, content_type="multipart/form-data"
        ),
        client.post("/api/v1/jobs:bulk", json={f"{n}": 1 for n in range(60_000)}),
        client.post(
            "/api/v1/jobs:bulk",
            json={"filter": {f"{n}": 1 for n in range(60_000)}, "action": "keep", "expected_count": 1},
        ),
    ]

    for answer in answers:
        assert (answer.status_code, len(answer.json["errors"])) == (422, 50)
        assert len(answer.data) < 30_000
