"""A large result has a preview: pages read nothing else, and clients get the text that is stored."""

from __future__ import annotations

import base64
import csv
import io
import json
import re

import pytest

from taskdesk.jobs.fields import RESULT_PREVIEW, RESULT_STAMP
from taskdesk.jobs.keys import job_key, results_key
from tests.web.other_requests import other_requests

KINDS = {  # of `gives_much`: how large, and a sentence of the page
    "table": (10_000, "Showing 200 of 10,000 rows. Sorting applies to these."),
    "records": (10_000, "Showing 200 of 10,000 rows."),
    "json": (10_000, "9,800 more in the download."),
    "text": (60_000, "The first 100,000 of 180,000 characters. The download has all."),
    "markdown": (60_000, "characters. The download has all."),
    "parts": (5_000, "Showing 200 of 5,000 rows."),
}


@pytest.fixture(scope="module")
def kept():
    """By kind and size: the id of a job whose result has no files, and all that Redis holds then."""
    return {}


@pytest.fixture
def made(redis, submit, run_worker, kept):
    """Return the id of a job that has returned a large result. What needs no files is made once for this file."""

    def make(kind, size):
        job_id = submit("gives_much", {"kind": kind, "size": size})
        run_worker()
        return job_id

    def made(kind, size=0):
        size = size or KINDS[kind][0]
        if kind in ("parts", "files"):
            return make(kind, size)
        if (kind, size) in kept:
            for key, value in kept[kind, size][1].items():
                redis.restore(key, 0, value, replace=True)
        else:
            job_id = make(kind, size)
            kept[kind, size] = job_id, {key: redis.dump(key) for key in redis.scan_iter()}
        return kept[kind, size][0]

    return made


@pytest.fixture
def text_of(client):
    def text_of(job_id):
        page = client.get(f"/jobs/{job_id}")
        assert page.status_code == 200
        text = re.sub(r"<[^>]*>", " ", page.text.partition("<main")[2])
        return " ".join(re.sub(r":\d\d UTC", " UTC", text).split())  # the end of its time is told to the second

    return text_of


def _forget(redis, job_id):
    """Leave the result as an earlier version has stored it."""
    redis.hdel(job_key(job_id), RESULT_STAMP, RESULT_PREVIEW)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_shows_the_preview_and_says_what_is_left_out(redis, client, made, text_of, kind):
    job_id = made(kind)
    whole = text_of(job_id)
    redis.delete(results_key(job_id))

    assert KINDS[kind][1] in whole
    assert text_of(job_id) == whole  # it needs the preview alone
    assert len(client.get(f"/jobs/{job_id}").data) < 700_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_result_of_the_version_before_is_shown_in_the_same_way(redis, made, text_of, client, kind):
    job_id = made(kind)
    address = f"/api/v1/jobs/{job_id}"
    shown, result = text_of(job_id), client.get(f"{address}/result").data
    _forget(redis, job_id)

    assert text_of(job_id) == shown
    again = client.get(f"{address}/result")
    assert again.data == result if kind in ("text", "markdown") else again.json == json.loads(result)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_gets_the_whole_result(redis, client, made, kind):
    job_id = made(kind)
    [(_, fields)] = redis.xrevrange(results_key(job_id), count=1)
    stored = base64.b64decode(fields[b"return_value"])
    answer = client.get(f"/api/v1/jobs/{job_id}/result")

    if kind in ("text", "markdown"):
        assert answer.text == json.loads(stored)
    elif kind == "parts":
        assert answer.json["file"] == f"/api/v1/jobs/{job_id}/artifacts/a.txt"
        assert answer.json["json"]["deep"][0]["url"] == f"/api/v1/jobs/{job_id}/artifacts/b.txt"
        assert len(answer.json["table"]["rows"]) == 5_000
    else:
        assert answer.data == stored
    rows = client.get("/finished_tasks").json
    assert rows == [[job_id, answer.text if kind in ("text", "markdown") else answer.json]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_job_has_the_small_parts_and_the_sizes_of_the_large_ones(redis, client, made, kind):
    job_id = made(kind)
    redis.delete(results_key(job_id))
    answer = client.get(f"/api/v1/jobs/{job_id}")
    result = answer.json["result"]

    assert len(answer.data) < 5_000
    if kind != "parts":
        assert result["size"] > 100_000
        assert "value" not in result
        return
    parts = {part["name"]: part for part in result["parts"]}
    assert (parts["score"]["value"], parts["note"]["value"]) == (0.5, "short")
    assert parts["file"]["url"] == f"/api/v1/jobs/{job_id}/artifacts/a.txt"
    assert min(parts["table"]["size"], parts["json"]["size"]) > 100_000


@pytest.mark.parametrize(
    ("address", "rows"),
    [("result.csv?part=table", 5_001), ("result.json?part=table", 5_000), ("result.json?part=json", 5_000)],
)
def test_the_downloads_have_all(client, made, address, rows):
    answer = client.get(f"/jobs/{made('parts')}/{address}")

    if "csv" in address:
        assert len(list(csv.reader(io.StringIO(answer.text)))) == rows
    else:
        assert len(answer.json["rows"]) == rows


@pytest.mark.slow
@pytest.mark.parametrize(("size", "count"), [(2_000, 500), (1_500, 500)])
def test_each_file_of_a_large_result_can_be_downloaded(client, made, text_of, size, count):
    job_id = made("files", size)

    assert f"{size - 200:,} more files; the JSON names them." in text_of(job_id)
    for name in ("a.txt", f"file-{size - 1}.txt"):
        with client.get(f"/api/v1/jobs/{job_id}/artifacts/{name}") as answer:
            assert answer.text == "a file"
    assert client.get(f"/api/v1/jobs/{job_id}/artifacts/c.txt").status_code == 404


@pytest.mark.parametrize(
    "damage",
    [b"", b"x", b"\xff", b"null", b"[]", b"[1]", b"{}", b"[{}]", b'[{"name": "result"}]', b"[" * 100_000],
)
def test_a_damaged_preview_costs_nothing_but_itself(redis, made, text_of, client, damage):
    job_id = made("table", 3_000)
    shown = text_of(job_id)
    redis.hset(job_key(job_id), RESULT_PREVIEW, damage)

    assert text_of(job_id) == shown
    assert client.get(f"/api/v1/jobs/{job_id}").json["result"]["size"] > 50_000


@pytest.mark.parametrize(
    "change",
    [{"value": 1}, {"value": {"columns": 1, "rows": []}}, {"shape": [1]}, {"size": "x"}, {"lengths": 5}, {"more": 1}],
)
def test_a_preview_with_a_wrong_value_is_made_anew(redis, made, text_of, change):
    job_id = made("table", 5_000)
    shown = text_of(job_id)
    [part] = json.loads(redis.hget(job_key(job_id), RESULT_PREVIEW))
    redis.hset(job_key(job_id), RESULT_PREVIEW, json.dumps([{**part, **change}]))

    assert text_of(job_id) == shown


def test_a_preview_of_an_earlier_run_is_not_shown(redis, made, text_of, client):
    job_id = made("table")
    redis.hset(job_key(job_id), "ended_at", "2026-01-02T03:04:05.000000Z")  # RQ's own worker has run it again
    redis.xadd(results_key(job_id), {"type": 1, "return_value": base64.b64encode(b'{"columns": ["new"], "rows": []}')})

    assert "new No rows." in text_of(job_id)
    assert client.get(f"/api/v1/jobs/{job_id}/result").json == {"columns": ["new"], "rows": []}


@pytest.mark.parametrize("value", [None, b"x", base64.b64encode(b"[" * 100_000), base64.b64encode(b"[1, 2")])
def test_a_text_that_differs_from_its_stamp_is_read_before_it_is_sent(redis, made, client, value):
    job_id = made("table", 5_000)
    redis.delete(results_key(job_id))
    if value:
        redis.xadd(results_key(job_id), {"type": 1, "return_value": value})
    answer = client.get(f"/api/v1/jobs/{job_id}/result")

    assert answer.status_code == 410
    assert ("is unreadable in Redis" if value else "is gone from Redis") in answer.json["detail"]
    assert client.get("/finished_tasks").json == []
    assert client.get(f"/jobs/{job_id}/result.csv", headers={"Accept": "text/html"}).status_code == 410


@pytest.mark.parametrize("address", ["", "/result.csv", "/result.json"])
def test_other_requests_go_on_while_a_result_without_a_preview_is_read(redis, made, client, address):
    job_id = made("table", 40_000)
    _forget(redis, job_id)

    with other_requests() as pauses:
        answer = client.get(f"/jobs/{job_id}{address}")

    assert answer.status_code == 200
    assert len(pauses) > 1  # else there is none
