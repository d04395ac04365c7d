"""Files of jobs: only what the task takes as a file is an upload, and a download is as long as the stored file."""

from __future__ import annotations

import io
import json

import pytest

from taskdesk.jobs.fields import UPLOADS
from taskdesk.jobs.keys import job_key

JOBS = "/api/v1/tasks/takes_anything/jobs"
REPORT = b"twenty bytes of text"


def upload(client, name="a.txt", media_type="text/plain", content=b"content"):
    return client.post(JOBS, data={"data": (io.BytesIO(content), name, media_type)})


@pytest.fixture
def file_of(client):
    """Upload a file; return how its job shows it, and the answer to its download."""

    def file_of(*named):
        job = upload(client, *named).json
        url = f"/api/v1/jobs/{job['id']}/artifacts/{job['input']['data']['artifact']}"
        return job["input"]["data"], client.get(url, buffered=True)

    return file_of


@pytest.mark.parametrize("size", [0, 10, 10_000, -1, "10"])
@pytest.mark.parametrize("artifact", ["report.txt", "input-data", "nothing.txt"])
def test_an_argument_that_looks_like_an_upload_is_only_an_argument(client, run_worker, artifact, size):
    looks = {"artifact": artifact, "media_type": "text/plain", "size": size, "filename": "x"}
    job_id = client.post(JOBS, json={"value": looks}).json["id"]
    run_worker()

    job = client.get(f"/api/v1/jobs/{job_id}").json
    answer = client.get(f"/api/v1/jobs/{job_id}/artifacts/{artifact}", buffered=True)
    page = client.get(f"/jobs/{job_id}").text
    again = client.post(f"/api/v1/jobs/{job_id}/retry")

    assert job["status"] == "succeeded"
    assert job["input"] == {"value": looks}
    assert "value={" in job["summary"]
    assert (answer.status_code, answer.data) == ((200, REPORT) if artifact == "report.txt" else (404, answer.data))
    assert f'artifacts/{artifact}">x</a>' not in page
    assert (again.status_code, client.get(again.location).json["input"]) == (202, {"value": looks})


def test_an_upload_is_marked_and_can_be_retried(client, run_worker, redis):
    job_id = upload(client).json["id"]
    run_worker()

    again = client.post(f"/api/v1/jobs/{job_id}/retry").json

    assert redis.hget(job_key(job_id), UPLOADS) == b"data"
    assert again["input"]["data"]["filename"] == "a.txt"
    assert client.get(f"/api/v1/jobs/{again['id']}/artifacts/input-data.txt", buffered=True).data == b"content"
    assert "artifacts/input-data.txt" in client.get(f"/jobs/{job_id}").text


@pytest.mark.parametrize("size", [0, 3, 5000])
def test_a_download_is_as_long_as_the_stored_file_whatever_redis_says(client, redis, size):
    job_id = upload(client).json["id"]
    key = job_key(job_id)
    redis.hset(key, "data", redis.hget(key, "data").replace(b'"size":7', f'"size":{size}'.encode()))

    answer = client.get(f"/api/v1/jobs/{job_id}/artifacts/input-data.txt", buffered=True)

    assert (answer.data, answer.headers["Content-Length"]) == (b"content", "7")


@pytest.mark.parametrize("damaged", ["", "nothing", "data data", "value", "data " * 1000, "../../etc"], ids=range(6))
def test_a_damaged_mark_costs_at_most_the_files(client, redis, damaged):
    job_id = upload(client).json["id"]
    redis.hset(job_key(job_id), UPLOADS, damaged)

    assert client.get(f"/api/v1/jobs/{job_id}").status_code == 200
    assert client.get(f"/jobs/{job_id}").status_code == 200
    assert client.get(f"/api/v1/jobs/{job_id}/artifacts/input-data.txt", buffered=True).status_code in (200, 404)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("text/csv", "text/csv"),
        ("日/本", "application/octet-stream"),
        ("text", "application/octet-stream"),
        ("text/", "application/octet-stream"),
        ("text/pl ain", "application/octet-stream"),
        ("text/" + "x" * 5000, "application/octet-stream"),
        ("text/\x01", "application/octet-stream"),
        ("application/vnd.ms-excel.sheet+xml", "application/vnd.ms-excel.sheet+xml"),
    ],
)
def test_a_media_type_that_can_not_be_sent_becomes_octet_stream(file_of, sent, kept):
    shown, download = file_of("a", sent)

    assert shown["media_type"] == kept
    assert (download.status_code, download.mimetype, download.data) == (200, kept, b"content")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../a.csv", "a.csv"),
        ("日本.csv", "日本.csv"),
        ("a\x00b.csv", "a_b.csv"),
        ("a\x1b[31m.csv", "a_[31m.csv"),
        ("a\x85b.csv", "a_b.csv"),
        ("a\u202egpj.exe", "a_gpj.exe"),
        ("x" * 5000 + ".csv", "x" * 196 + ".csv"),
    ],
)
def test_the_name_of_an_upload_is_cleaned(file_of, sent, kept):
    shown, download = file_of(sent)

    assert shown["filename"] == kept
    assert download.status_code == 200


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: b=c\r\n\r\n.csv", "a\ud800.csv", 'a".csv', "a%0d%0a.csv", "\0"])
def test_no_name_in_redis_breaks_out_of_its_header(client, redis, name):
    job_id = upload(client, "harmless").json["id"]
    key = job_key(job_id)
    redis.hset(key, "data", redis.hget(key, "data").replace(b'"harmless"', json.dumps(name).encode()))

    answer = client.get(f"/api/v1/jobs/{job_id}/artifacts/input-data", buffered=True)

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Disposition"].isprintable()


@pytest.mark.parametrize(
    ("asked", "status", "data"),
    [
        ("bytes=0-3", 206, b"cont"),
        ("bytes=4-", 206, b"ent"),
        ("bytes=-2", 206, b"nt"),
        ("bytes=3-1000", 206, b"tent"),
        ("bytes=7-", 416, None),
        ("bytes=x", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,3-4", 200, b"content"),
        ("lines=0-3", 200, b"content"),
        ("none", 200, b"content"),
    ],
)
def test_a_part_of_a_file_can_be_fetched(client, asked, status, data):
    job_id = upload(client).json["id"]
    url = f"/api/v1/jobs/{job_id}/artifacts/input-data.txt"

    answer = client.get(url, headers={"Range": asked}, buffered=True)

    assert client.get(url, buffered=True).headers["Accept-Ranges"] == "bytes"
    assert answer.status_code == status
    if data is not None:
        assert (answer.data, answer.headers["Content-Length"]) == (data, str(len(data)))
    else:
        assert answer.headers["Content-Range"] == "bytes */7"


def test_a_download_goes_on_only_if_the_file_is_the_same(client):
    job_id = upload(client).json["id"]
    url = f"/api/v1/jobs/{job_id}/artifacts/input-data.txt"
    tag = client.get(url, buffered=True).headers["ETag"]

    same = client.get(url, headers={"Range": "bytes=4-", "If-Range": tag}, buffered=True)
    other = client.get(url, headers={"Range": "bytes=4-", "If-Range": '"other"'}, buffered=True)

    assert (same.status_code, same.data) == (206, b"ent")
    assert (other.status_code, other.data) == (200, b"content")
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304


def test_a_file_of_a_job_of_an_earlier_version_is_offered_and_taken_over(client, redis, run_worker):
    """It has no mark of its uploads: what its task takes as a file is one."""
    job_id = upload(client).json["id"]
    redis.hdel(job_key(job_id), UPLOADS)
    run_worker()

    artifact = client.get(f"/api/v1/jobs/{job_id}").json["input"]["data"]["artifact"]

    assert client.get(f"/api/v1/jobs/{job_id}/artifacts/{artifact}", buffered=True).status_code == 200
    assert artifact in client.get(f"/jobs/{job_id}").text
    assert client.post(f"/api/v1/jobs/{job_id}/retry").status_code == 202
