"""The API finds and changes jobs, one or many, queues and workers."""

from __future__ import annotations

import io

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.version import VERSION
from tests.conftest import Stack, wait_until


@pytest.fixture
def get(client):
    return lambda path, **options: client.get(f"/api/v1{path}", **options)


@pytest.fixture
def bulk(client):
    return lambda action, count, **matching: client.post(
        "/api/v1/jobs:bulk", json={"action": action, "filter": matching, "expected_count": count}
    )


def ids(answer):
    return [job["id"] for job in answer.json["data"]]


def test_jobs_are_found_by_each_filter(get, submit, run_worker):
    failed = submit("raises", {}, tag="night")
    run_worker()
    queued = submit(tag="day")

    assert ids(get("/jobs?status=failed")) == ids(get("/jobs?task=tests.sample_tasks.raises")) == [failed]
    assert ids(get("/jobs?tag=day")) == ids(get(f"/jobs?id={queued[:8]}")) == [queued]
    assert ids(get("/jobs?queue=default&since=2020-01-01T00:00:00Z")) == [queued, failed]
    assert ids(get("/jobs?until=2020-01-01T00:00:00%2B01:00")) == ids(get("/jobs?tag=nothing")) == []


def test_a_time_may_be_given_as_how_long_ago(get, submit, redis):
    old, new = submit(), submit()
    redis.hset(f"rq:job:{old}", "created_at", "2026-01-01T00:00:00.000000Z")

    assert ids(get("/jobs?since=1h")) == [new]
    assert ids(get("/jobs?until=30m")) == [old]


def test_the_count_is_the_expected_count_of_a_bulk_action(get, submit, bulk):
    submit(tag="night"), submit(tag="night"), submit()

    count = get("/jobs:count?tag=night&status=queued").json["count"]

    assert (count, get("/jobs:count").json) == (2, {"count": 3})
    assert bulk("cancel", count, tag="night", status="queued").json["outcomes"] == {"canceled": 2}
    assert get("/jobs:count?limit=5").json["errors"][0]["pointer"] == "/limit"


def test_a_page_links_to_the_next_with_its_filter(get, submit, client):
    first, second = submit(), submit()

    page = get("/jobs?queue=default&limit=1")
    following = client.get(page.headers["Link"].split(">")[0].lstrip("<"))

    assert (ids(page), ids(following), following.json["next_cursor"]) == ([second], [first], None)
    assert "input" not in page.json["data"][0]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=done", "/status"),
        ("since=yesterday", "/since"),
        ("until=2026-01-01T00:00:00", "/until"),
        ("task=" + "x" * 300, "/task"),
        ("cursor=-5", "/cursor"),
        ("cursor=9e9", "/cursor"),
        ("limit=0", "/limit"),
        ("limit=000000001999", "/limit"),
        ("stauts=failed", "/stauts"),
        ("tag=", "/tag"),
        ("status=failed&status=queued", "/status"),
        ("since=1w", "/since"),
        ("cursor=task.5&status=failed", "/cursor"),
    ],
)
def test_a_query_that_can_not_be_read_is_named(get, query, pointer):
    answer = get(f"/jobs?{query}")

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_a_job_that_has_not_changed_is_not_sent_again(get, submit, run_worker):
    job_id = submit()
    tag = get(f"/jobs/{job_id}").headers["ETag"]

    unchanged = get(f"/jobs/{job_id}", headers={"If-None-Match": tag})
    run_worker()
    changed = get(f"/jobs/{job_id}", headers={"If-None-Match": tag})
    again = get(f"/jobs/{job_id}", headers={"If-None-Match": changed.headers["ETag"]})

    assert [answer.status_code for answer in (unchanged, changed, again)] == [304, 200, 304]


def test_a_queued_job_shows_its_position(get, submit):
    submit()
    second = submit()
    submit("every_kind", {})  # on a more urgent queue

    queue = get(f"/jobs/{second}").json["queue"]

    assert (queue["name"], queue["workers_online"], queue["position"], queue["ahead"]) == ("default", 0, 2, 2)


@pytest.mark.slow
def test_a_job_estimates_its_start_and_its_end(client, get, submit, redis, redis_url, tmp_path):
    redis.lpush("taskdesk:run-times:tests.sample_tasks.wait_for", 2, 4, 6)
    redis.sadd("taskdesk:paused", "default")
    first, second = (submit("wait_for", {"path": str(tmp_path / "never")}) for _ in range(2))
    alone = get(f"/jobs/{second}").json
    workers = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1")
    workers.start("worker")
    try:
        wait_until(lambda: get(f"/jobs/{second}").json["queue"]["workers_online"])
        paused = get(f"/jobs/{second}").json
        client.patch("/api/v1/queues/default", json={"paused": False})
        wait_until(lambda: get(f"/jobs/{first}").json["status"] == "running")
        third = submit("wait_for", {"path": str(tmp_path / "never")})
        queued = get(f"/jobs/{third}").json
        client.post(f"/api/v1/jobs/{third}/cancel")
        running = get(f"/jobs/{first}").json
        client.post(f"/api/v1/jobs/{second}/cancel"), client.post(f"/api/v1/jobs/{first}/cancel")
    finally:
        workers.stop()

    assert alone["typical_seconds"] == {"median": 4, "p95": 6, "runs": 3}
    assert (alone["estimate"], paused["estimate"], queued["estimate"]) == (None, None, {"starts_in": 4, "ends_in": 8})
    assert 0 < running["estimate"]["ends_in"] <= 4
    task = get("/tasks/wait_for").json
    assert (task["typical_seconds"]["median"], get("/tasks/echo").json["typical_seconds"]) == (4, None)


def test_a_task_shows_how_its_retries_and_a_stop_wait(get):
    waits_long, takes_its_time = get("/tasks/waits_long").json, get("/tasks/takes_its_time").json

    assert (waits_long["backoff"], waits_long["grace"]) == ({"first": 10, "factor": 3, "most": 60}, None)
    assert takes_its_time["grace"] == 600


def test_a_log_is_read_from_any_byte(get, submit, run_worker):
    job_id = submit("talk", {})
    run_worker()

    whole = get(f"/jobs/{job_id}/logs")

    assert whole.content_type == "text/plain; charset=utf-8"
    assert get(f"/jobs/{job_id}/logs?offset=3").text == whole.text[3:] != ""
    assert get(f"/jobs/{job_id}/logs?offset=99999").text == ""
    assert get(f"/jobs/{job_id}/logs?offset=-1").status_code == 422


def test_a_waiting_job_is_canceled_and_says_so(client, get, submit, run_worker):
    job_id = submit()

    first, again = (client.post(f"/api/v1/jobs/{job_id}/cancel") for _ in range(2))
    run_worker()

    assert (first.status_code, first.json["status"], again.status_code) == (200, "canceled", 200)
    assert get(f"/jobs/{job_id}").json["error"]["type"] == "Canceled"
    assert get(f"/jobs/{job_id}/result").status_code == 409


@pytest.mark.slow
def test_a_running_job_is_stopped(client, get, submit, registry, redis_url, tmp_path):
    workers = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1")
    workers.start("worker")
    try:
        job_id = submit("wait_for", {"path": str(tmp_path / "never")})
        wait_until(lambda: get(f"/jobs/{job_id}").json["status"] == "running")

        wait_until(lambda: (worker := get("/workers").json["data"][0])["current_job"] and worker["memory"])
        [busy] = get("/workers").json["data"]
        refused = client.delete(f"/api/v1/jobs/{job_id}")
        answer = client.post(f"/api/v1/jobs/{job_id}/cancel")

        assert (refused.status_code, answer.status_code) == (409, 202)
        wait_until(lambda: get(f"/jobs/{job_id}").json["status"] == "canceled")
        [worker] = get("/workers").json["data"]
        assert (worker["queues"], worker["failed"]) == (["high", "default", "low"], 1)
        assert (busy["state"], busy["current_job"], busy["current_task"]) == ("busy", job_id, "wait_for")
        assert busy["current_job_started_at"] == get(f"/jobs/{job_id}").json["started_at"]
        assert (busy["taskdesk_version"], busy["catalog"]) == (VERSION, registry.catalog.digest)
        assert busy["memory"] > 10_000_000
        assert (worker["current_task"], worker["current_job_started_at"]) == (None, None)
        assert get("/queues/default").json["last_hour"]["failed"] == 0  # it was stopped
    finally:
        workers.stop()


def test_a_retry_is_a_new_job_with_the_same_input_files_and_tags(client, get, run_worker):
    form = {"data": (io.BytesIO(b"a,b\n"), "my.csv")}
    first = client.post("/api/v1/tasks/count_bytes/jobs?tag=x", data=form).json["id"]
    early = client.post(f"/api/v1/jobs/{first}/retry")
    run_worker()

    again = client.post(f"/api/v1/jobs/{first}/retry")
    client.delete(f"/api/v1/jobs/{first}")
    run_worker()
    job = client.get(again.location).json

    assert (early.status_code, again.status_code) == (409, 202)
    assert (job["retry_of"], job["tags"], job["result"]["value"]) == (first, ["x"], 4)
    assert (job["input"]["data"]["filename"], job["summary"]) == ("my.csv", "data=my.csv")


def test_a_retry_with_a_key_is_made_once(client, submit, run_worker):
    job_id = submit()
    run_worker()

    first, again = (
        client.post(f"/api/v1/jobs/{job_id}/retry", headers={"Idempotency-Key": "k-1"}).json["id"] for _ in range(2)
    )

    assert first == again != job_id


def test_a_job_whose_input_can_not_be_read_is_not_run_with_another(client, registry, redis, run_worker):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    job_id = queue.enqueue(registry.catalog.tasks["echo"].reference, "by position", result_ttl=100).id
    run_worker()
    redis.hset(f"rq:job:{job_id}", "data", "no JSON")

    answer = client.post(f"/api/v1/jobs/{job_id}/retry")

    assert (answer.status_code, answer.json["title"]) == (409, "Unreadable input")


def test_a_failed_job_shows_its_traceback(client, get, submit, run_worker):
    job_id = submit("raises", {})
    run_worker()

    assert "ValueError" in get(f"/jobs/{job_id}").json["traceback"]


def test_the_log_of_a_job_is_kept_as_long_as_the_job(get, submit, run_worker, redis):
    job_id = submit("talk", {})
    run_worker()

    assert abs(redis.ttl(f"taskdesk:log:{job_id}") - redis.ttl(f"rq:job:{job_id}")) <= 1


def test_a_job_in_a_paused_queue_says_so(client, get, submit):
    client.patch("/api/v1/queues/default", json={"paused": True})

    assert get(f"/jobs/{submit()}").json["queue"]["paused"] is True


def test_a_kept_job_does_not_expire(client, submit, run_worker):
    job_id = submit()
    early = client.post(f"/api/v1/jobs/{job_id}/keep")
    run_worker()

    kept = client.post(f"/api/v1/jobs/{job_id}/keep")

    assert (early.status_code, kept.status_code) == (409, 200)
    assert (kept.json["kept"], kept.json["expires_at"], "keep" in kept.json["links"]) == (True, None, False)


def test_a_deleted_job_is_gone_with_its_files(client, get, tmp_path):
    form = {"data": (io.BytesIO(b"a,b\n"), "my.csv")}
    job_id = client.post("/api/v1/tasks/count_bytes/jobs", data=form).json["id"]

    answer = client.delete(f"/api/v1/jobs/{job_id}")

    assert (answer.status_code, get(f"/jobs/{job_id}").status_code) == (204, 404)
    assert list((tmp_path / "artifacts").glob("??/*")) == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/cancel"), ("POST", "/retry"), ("POST", "/keep"), ("DELETE", ""), ("GET", "/logs")]
)
def test_an_unknown_job_is_not_found(client, method, path):
    for unknown in ("nothing", "a:b", "x" * 5000):
        assert client.open(f"/api/v1/jobs/{unknown}{path}", method=method).status_code == 404


def test_all_jobs_that_match_are_retried_kept_canceled_and_deleted(bulk, submit, run_worker, get):
    for _ in range(3):
        submit("raises", {})
    run_worker()

    retried = bulk("retry", 3, status="failed")
    canceled = bulk("cancel", 3, status="queued")
    kept = bulk("keep", 3, status="failed")
    deleted = bulk("delete", 6, task="raises")

    assert retried.json == {"action": "retry", "count": 3, "outcomes": {"retried": 3}}
    assert canceled.json["outcomes"] == {"canceled": 3}
    assert kept.json["outcomes"] == {"kept": 3}
    assert deleted.json["outcomes"] == {"deleted": 6}
    assert ids(get("/jobs")) == []


def test_nothing_is_done_if_another_number_of_jobs_match(bulk, submit, get):
    submit()

    answer = bulk("cancel", 5, status="queued")

    assert (answer.status_code, answer.json["count"]) == (409, 1)
    assert len(ids(get("/jobs?status=queued"))) == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/action", "/expected_count", "/filter"}),
        ({"action": "explode", "expected_count": True, "filter": []}, {"/action", "/expected_count", "/filter"}),
        ({"action": {}, "expected_count": 0.5, "filter": {}}, {"/action", "/expected_count"}),
        ({"action": "keep", "expected_count": 0, "filter": {"status": "done"}}, {"/filter/status"}),
        ({"action": "keep", "expected_count": 0, "filter": {"since": 5}}, {"/filter/since"}),
        ({"action": "keep", "expected_count": 0, "filter": {"stauts": "failed"}}, {"/filter/stauts"}),
        ({"action": "keep", "expected_count": 0, "filter": {"id": "", "tag": None}}, {"/filter/id", "/filter/tag"}),
        ({"action": "keep", "expected_count": 0, "filter": {}, "dry_run": True}, {"/dry_run"}),
    ],
)
def test_each_fault_of_a_bulk_action_is_named(client, body, pointers):
    answer = client.post("/api/v1/jobs:bulk", json=body)

    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json["errors"]} == pointers


def test_a_queue_is_paused_and_resumed(client, get, submit, run_worker):
    paused = client.patch("/api/v1/queues/default", json={"paused": True}).json
    job_id = submit()
    run_worker()
    waits = get(f"/jobs/{job_id}").json["status"]
    client.patch("/api/v1/queues/default", json={"paused": False})
    run_worker()

    assert (paused["paused"], waits, get(f"/jobs/{job_id}").json["status"]) == (True, "queued", "succeeded")
    assert client.patch("/api/v1/queues/nothing", json={"paused": True}).status_code == 404
    assert client.patch("/api/v1/queues/default", json={"paused": "yes"}).json["errors"][0]["pointer"] == "/paused"


def test_queues_count_their_jobs(get, submit, run_worker):
    submit()
    submit("raises", {})
    run_worker()
    submit()

    queue = next(queue for queue in get("/queues").json["data"] if queue["name"] == "default")

    assert (queue["jobs"]["succeeded"], queue["jobs"]["failed"], queue["jobs"]["queued"]) == (1, 1, 1)
    assert queue["oldest_at"].endswith("Z")
    hour = queue["last_hour"]
    assert (hour["succeeded"], hour["failed"], sum(hour["per_minute"]["failed"])) == (1, 1, 1)
    assert queue["drains_in"] is None  # no worker is online
    assert get("/stats").json == {
        "jobs": {**dict.fromkeys(queue["jobs"], 0), "succeeded": 1, "failed": 1, "queued": 1},
        "last_hour": {"succeeded": 1, "failed": 1},
        "workers": {"online": 0},
    }


def test_a_task_shows_how_its_last_attempts_ended(get, submit, run_worker):
    submit("raises", {})
    run_worker()

    assert get("/tasks/raises").json["last_runs"] == {"succeeded": 0, "failed": 1}
    assert get("/tasks/echo").json["last_runs"] == {"succeeded": 0, "failed": 0}


def test_an_argument_that_looks_like_an_upload_is_only_an_argument(client, get, submit, run_worker):
    job_id = submit("raises", {})
    looks = {"artifact": "x"}
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a", "other": looks})

    assert get(f"/jobs/{job_id}/artifacts/x").status_code == 404
