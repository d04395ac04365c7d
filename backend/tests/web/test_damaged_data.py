"""Any field of a job, a worker or a catalog may hold anything: it is shown as unreadable, and nothing else fails."""

from __future__ import annotations

import base64
import re

import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.jobs.fields import ATTEMPTS, ERROR, FOREIGN, PROGRESS, RESULT_KINDS
from taskdesk.jobs.job_hash import WHOLE
from taskdesk.jobs.keys import (
    JOBS,
    RQ_WORKERS,
    SEQUENCE,
    WORKERS,
    catalog_key,
    job_key,
    results_key,
    statistics_key,
    worker_key,
)
from taskdesk.jobs.workers import _FIELDS

VALUES = {
    "a word": b"x",
    "no UTF-8": b"\xff\xfe\x00",
    "empty": b"",
    "null": b"null",
    "a number": b"-1",
    "a huge number": b"9" * 5000,
    "infinite": b"1e999",
    "not a number": b"NaN",
    "an empty list": b"[]",
    "numbers": b"[1, 2, 3]",
    "an empty object": b"{}",
    "an object": b'{"a": [1], "title": 1, "detail": null}',
    "deep": b"[" * 100_000,
    "half a character": b'["\\ud800"]',
    "a naive time": b"2026-01-01T00:00:00",
    "a time at the end": b"9999-12-31T23:59:59.999999Z",
    "a time at the beginning": b"0001-01-01T00:00:00+14:00",
    "compressed": b"x\x9c\x00",
}
LISTS = [
    *("/", "/jobs", "/tasks/echo", "/queues", "/workers", "/docs", "/api/v1/jobs", "/api/v1/tasks", "/api/v1/queues"),
    *("/api/v1/workers", "/api/v1/stats", "/api/v1/openapi.json", "/finished_tasks?detail=1", "/metrics", "/readyz"),
    *("/flask/tasks", "/api/v1/jobs?status=failed", "/api/v1/jobs:count"),
]


@pytest.fixture
def read_all(client):
    """Read every list, and the pages of these jobs; return what the answers say together."""
    known = {rule.rule for rule in client.application.url_map.iter_rules()}

    def read_all(*job_ids):
        addresses = [address for address in LISTS if address.partition("?")[0] in known or "tasks/" in address]
        for job_id in job_ids:
            here = f"/api/v1/jobs/{job_id}"
            addresses += [f"/jobs/{job_id}", here, f"{here}/result"]
        answers = {address: client.get(address, headers={"Accept": "text/html"}) for address in addresses}
        assert {address: answer.status_code for address, answer in answers.items() if answer.status_code >= 500} == {}
        return answers

    return read_all


@pytest.mark.parametrize("order", [list, pytest.param(reversed, marks=pytest.mark.slow)])
@pytest.mark.parametrize("field", WHOLE)
def test_any_field_of_a_job_may_hold_anything(redis, submit, run_worker, read_all, client, field, order):
    """The first half of the jobs has ended. In the other order, that half holds the values of the others."""
    ended = [submit(*(("raises", {}) if n % 2 else ())) for n in range(len(VALUES) // 2)]
    run_worker()
    ids = [*ended, *(submit() for _ in range(len(VALUES) - len(ended)))]
    healthy = submit()
    before = {job_id: redis.hget(job_key(job_id), field) for job_id in ids}

    for job_id, value in zip(ids, order(VALUES.values()), strict=True):
        redis.hset(job_key(job_id), field, value)
    assert healthy in read_all(*ids, healthy)["/api/v1/jobs"].text

    for job_id, value in before.items():
        redis.hset(job_key(job_id), field, value) if value is not None else redis.hdel(job_key(job_id), field)
    assert "Unreadable in Redis" not in client.get("/api/v1/jobs").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", b"x"),
        ("created_at", b"2026-01-01"),
        ("ended_at", b"\xff"),
        ("origin", b"\xff"),
        ("status", b"\xff"),
        ("retries_left", b"many"),
        (PROGRESS, b"[1]"),
        (PROGRESS, b"[1, 1e999, null]"),
        (RESULT_KINDS, b"{"),
        (RESULT_KINDS, b"5"),
        (ERROR, b"[1]"),
        (ERROR, b'{"title": "T"}'),
    ],
)
def test_a_damaged_field_is_named_and_the_others_are_shown(client, redis, submit, field, value):
    job_id = submit()
    redis.hset(job_key(job_id), field, value)

    shown = client.get(f"/api/v1/jobs/{job_id}").json
    [listed] = client.get("/api/v1/jobs").json["data"]

    assert shown["summary"] == listed["summary"] == f'Unreadable in Redis: {field}. text="a"'
    assert (shown["task"], shown["input"]) == ("echo", {"text": "a"})
    assert f"Unreadable in Redis: {field}." in client.get("/jobs").text


@pytest.mark.slow
@pytest.mark.parametrize("field", ["origin", "data", "created_at", "ended_at"])
def test_a_job_without_a_field_can_be_kept_and_deleted(client, redis, submit, run_worker, field):
    job_id = submit()
    run_worker()
    redis.hdel(job_key(job_id), field)

    assert client.post(f"/api/v1/jobs/{job_id}/keep").status_code == 200
    assert client.delete(f"/api/v1/jobs/{job_id}").status_code == 204
    assert redis.exists(job_key(job_id)) == 0


def test_a_damaged_field_of_its_earlier_attempts_or_its_wait_is_named_too(client, redis, submit):
    first, second = submit(), submit()
    redis.hset(job_key(first), ATTEMPTS, b'[{"error": 1}]')
    redis.hset(job_key(second), mapping={"status": "scheduled", FOREIGN: b"x"})

    assert ATTEMPTS in client.get(f"/api/v1/jobs/{first}").json["summary"]
    assert FOREIGN in client.get(f"/api/v1/jobs/{second}").json["summary"]


def test_a_job_whose_key_holds_no_hash_is_unreadable_and_the_others_are_shown(redis, submit, read_all, client):
    broken, healthy = submit(), submit()
    redis.delete(job_key(broken))
    redis.rpush(job_key(broken), "x")

    answers = read_all(broken, healthy)

    shown = {job["id"]: job["summary"] for job in client.get("/api/v1/jobs").json["data"]}
    assert (shown[healthy], "Unreadable in Redis" in shown[broken]) == ('text="a"', True)
    assert answers[f"/api/v1/jobs/{broken}"].status_code == 200


def test_a_job_whose_key_holds_no_hash_can_only_be_deleted(client, redis, submit, run_worker):
    ended, another, healthy = submit(), submit(), submit()
    run_worker()
    for job_id in (ended, another):
        redis.delete(job_key(job_id))
        redis.rpush(job_key(job_id), "x")
    reason = f"Job {ended} is unreadable: its key in Redis holds no hash. It can only be deleted."

    refusals = [client.post(f"/api/v1/jobs/{ended}/{action}") for action in ("cancel", "keep", "retry")]
    page = client.get(f"/jobs/{ended}").text
    listed = client.get("/api/v1/jobs?status=succeeded").json["data"]
    bulk = {"action": "delete", "filter": {"id": another}, "expected_count": 1}

    assert [(answer.status_code, answer.json["detail"]) for answer in refusals] == [(409, reason)] * 3
    assert set(client.get(f"/api/v1/jobs/{ended}").json["links"]) == {"self", "events", "logs", "delete"}
    assert reason in page
    assert re.findall('id="(?:ask|do)-([a-z]+)"', page) == ["delete"]
    assert healthy in [job["id"] for job in listed]
    assert client.delete(f"/api/v1/jobs/{ended}").status_code == 204
    assert client.post("/api/v1/jobs:bulk", json=bulk).json["outcomes"] == {"deleted": 1}
    assert [job["id"] for job in client.get("/api/v1/jobs").json["data"]] == [healthy]
    assert redis.exists(job_key(ended), job_key(another)) == 0


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_a_job_without_a_status_is_named_and_can_be_removed(client, redis, submit, action):
    job_id = submit()
    redis.hdel(job_key(job_id), "status")

    shown = client.get(f"/api/v1/jobs/{job_id}").json
    listed = client.get("/api/v1/jobs").json["data"]
    here = f"/api/v1/jobs/{job_id}"
    answer = client.delete(here) if action == "delete" else client.post(f"{here}/{action}")

    assert [job["id"] for job in listed] == [job_id]
    assert shown["summary"] == 'Unreadable in Redis: status. text="a"'
    assert answer.status_code in (200, 204)
    assert [job["status"] for job in client.get("/api/v1/jobs").json["data"]] == ["canceled"] * (action == "cancel")


def test_a_hash_that_only_a_heartbeat_of_rq_left_is_no_job(client, redis, submit):
    job_id = submit()
    client.delete(f"/api/v1/jobs/{job_id}")
    redis.hset(job_key(job_id), "last_heartbeat", "2026-01-01T00:00:00Z")

    assert client.get(f"/api/v1/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("value", [b"x", b"", b"1.5", b"-5", b"9" * 18, b"9" * 5000, None, "no string"])
def test_a_damaged_counter_of_jobs_goes_on_after_the_newest_job(client, redis, submit, value):
    ids = [submit(), submit()]
    redis.delete(SEQUENCE)
    if value is not None:
        redis.rpush(SEQUENCE, "x") if value == "no string" else redis.set(SEQUENCE, value)

    ids += [submit(), submit()]

    assert [job["id"] for job in client.get("/api/v1/jobs").json["data"]] == ids[::-1]
    assert [redis.zscore(JOBS, job_id) for job_id in ids] == [1, 2, 3, 4]


def test_a_worker_passes_over_a_job_whose_key_holds_no_hash(client, redis, submit, run_worker, caplog):
    broken, healthy = submit(), submit()
    redis.delete(job_key(broken))
    redis.set(job_key(broken), "x")

    run_worker()

    assert client.get(f"/api/v1/jobs/{healthy}").json["status"] == "succeeded"
    assert "WRONGTYPE" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("value", [b"x", b"\xff", b"W10", base64.b64encode(b"[" * 100_000), base64.b64encode(b"\xff")])
def test_a_damaged_result_costs_only_itself(redis, submit, run_worker, read_all, value):
    broken, healthy = submit(), submit()
    run_worker()
    redis.xadd(results_key(broken), {"return_value": value, "exc_string": value})

    answers = read_all(broken, healthy)

    assert healthy in answers["/finished_tasks?detail=1"].text
    assert answers[f"/api/v1/jobs/{broken}"].status_code in (200, 410)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [b'"picture"', b'"file"', b'"table"', b'"markdown"', b'{"a": "file"}', b'"unknown"'])
def test_a_result_that_is_not_of_its_kind_is_shown_as_json(client, redis, submit, run_worker, read_all, kinds):
    job_id = submit("every_kind", {})
    run_worker()
    redis.hset(job_key(job_id), RESULT_KINDS, kinds)

    read_all(job_id)

    assert client.get(f"/api/v1/jobs/{job_id}").json["result"]["kind"] == "json"


@pytest.mark.parametrize("field", [*_FIELDS, "death"])
def test_any_field_of_a_worker_may_hold_anything(redis, read_all, client, submit, field):
    submit()
    record = {"queues": "high,default", "state": "idle", "birth": "2026-01-01T00:00:00Z", "pid": "1"}
    for name, damage in (("healthy", {}), *((name, {field: value}) for name, value in VALUES.items())):
        redis.hset(worker_key(name), mapping={**record, **damage})
        redis.sadd(RQ_WORKERS, worker_key(name))

    read_all()

    shown = {worker["name"]: worker["state"] for worker in client.get("/api/v1/workers").json["data"]}
    assert shown["healthy"] == "idle"


@pytest.mark.parametrize("field", ["pid", "birth", "successful_job_count", "total_working_time"])
def test_a_damaged_worker_is_shown_as_unreadable(redis, client, registry, field):
    redis.hset(worker_key("one"), mapping={"queues": "high", "state": "idle", field: "x"})
    redis.sadd(RQ_WORKERS, worker_key("one"))

    [worker] = client.get("/api/v1/workers").json["data"]

    assert (worker["state"], worker["queues"]) == ("unreadable", ["high"])


def test_a_worker_whose_key_holds_no_hash_and_a_name_that_is_no_text_cost_only_themselves(redis, read_all, client):
    redis.hset(worker_key("good"), mapping={"queues": "high", "state": "idle"})
    redis.rpush(worker_key("list"), "x")
    redis.sadd(RQ_WORKERS, worker_key("good"), worker_key("list"), b"\xff", b"")
    redis.zadd(WORKERS, {b"\xff": 1})

    read_all()

    assert "good" in [worker["name"] for worker in client.get("/api/v1/workers").json["data"]]


@pytest.mark.parametrize("value", [*VALUES.values(), b'{"tasks": {"echo": {}}}'], ids=[*VALUES, "other tasks"])
def test_a_damaged_catalog_counts_as_a_broken_file_and_the_others_work(redis, registry, client, read_all, value):
    damaged = registry.catalog.model_copy(update={"broken": [], "tasks": {}})
    announce(redis, damaged)
    announce(redis, registry.catalog)
    redis.set(catalog_key(damaged.digest), value)
    for name, digest in (("one", damaged.digest), ("two", registry.catalog.digest)):
        redis.hset(worker_key(name), mapping={"queues": "default", "state": "idle", "catalog": digest})
        redis.sadd(RQ_WORKERS, worker_key(name))

    answers = read_all()

    broken = client.get("/api/v1/tasks").json["broken"]
    assert any("damaged in Redis" in module["error"] for module in broken)
    assert '"echo"' in answers["/api/v1/tasks"].text


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_damaged_statistics_cost_only_themselves(redis, registry, read_all, value):
    reference = registry.catalog.tasks["echo"].reference
    redis.hset(statistics_key(reference), mapping={"succeeded": value, b"\xff": value, "run_sum": value})

    read_all()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (None, "is gone from Redis. Run the job again."),
        (b"x", "is unreadable in Redis: it is damaged, or no JSON."),
        (base64.b64encode(b"\x80\x04\x95"), "is unreadable in Redis"),  # a pickle
        (base64.b64encode(b"[" * 100_000), "is unreadable in Redis"),
        ("no stream", "is unreadable in Redis"),
    ],
)
def test_a_result_that_can_not_be_read_is_a_sentence_and_the_job_is_shown(
    client, redis, submit, run_worker, damage, sentence
):
    job_id = submit()
    run_worker()
    redis.delete(results_key(job_id))
    if damage:
        redis.set(results_key(job_id), "x") if damage == "no stream" else redis.xadd(
            results_key(job_id), {"return_value": damage}
        )

    page = client.get(f"/jobs/{job_id}")
    job = client.get(f"/api/v1/jobs/{job_id}")
    result = client.get(f"/api/v1/jobs/{job_id}/result")

    assert (page.status_code, job.status_code, result.status_code) == (200, 200, 410)
    assert sentence in page.text
    assert (job.json["result"]["kind"], job.json["result"]["url"]) == ("unreadable", f"/api/v1/jobs/{job_id}/result")
    assert sentence in job.json["result"]["detail"] == result.json["detail"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (b'"a \\ud800 b"', "a ? b"),
        (b'{"\\ud800": ["\\udfff"]}', {"?": ["?"]}),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b"[NaN, Infinity, -Infinity]", ["NaN", "Infinity", "-Infinity"]),
        (b"[1e999]", ["Infinity"]),
    ],
)
def test_what_json_does_not_have_is_shown_as_text(client, redis, submit, run_worker, read_all, stored, shown):
    job_id = submit("every_kind", {})
    run_worker()
    redis.xadd(results_key(job_id), {"return_value": base64.b64encode(stored)})

    read_all(job_id)

    assert client.get(f"/api/v1/jobs/{job_id}/result").json == shown
    assert client.get(f"/jobs/{job_id}/result.json").json == shown
    assert client.get("/finished_tasks").json == [[job_id, shown]]


def test_a_file_that_is_gone_from_the_folder_is_a_sentence(client, submit, run_worker, tmp_path):
    job_id = submit("parts", {})
    run_worker()
    [stored] = tmp_path.glob(f"artifacts/*/{job_id}/model.txt")
    stored.unlink()

    answer = client.get(f"/api/v1/jobs/{job_id}/artifacts/model.txt")

    assert (answer.status_code, answer.json["title"]) == (410, "Artifact gone")
    assert "The file 'model.txt' of job" in answer.json["detail"]
    assert client.get(f"/jobs/{job_id}").status_code == 200
    assert client.get(f"/api/v1/jobs/{job_id}/artifacts/other.txt").status_code == 404
