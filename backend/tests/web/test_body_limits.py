"""Bodies have a limit at every route: 16 kB, unless the route takes more. A compressed body is refused by its name."""

from __future__ import annotations

import gzip
import json

import pytest

from taskdesk.web.body_limits import SMALL_BYTES

ECHO = "/api/v1/tasks/echo/jobs"
HTML = {"Accept": "text/html"}


def form(size):
    return {"data": {"text": "a" * size}, "content_type": "multipart/form-data"}


def file_of(size):
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n%b\r\n--b--\r\n' % (b"x" * size)
    return {"data": part, "content_type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("body", [form(2 * SMALL_BYTES), file_of(2 * SMALL_BYTES)], ids=["text", "file"])
@pytest.mark.parametrize("path", ["/queues/low", "/create"])
def test_a_form_that_takes_no_file_has_16_kb(client, path, body):
    answer = client.post(path, **body)

    assert answer.status_code == 413
    assert "16,384 bytes are allowed here" in answer.text


@pytest.mark.parametrize("path", ["/", "/tasks/echo", "/tasks/echo/code_samples", ECHO])
def test_a_task_without_files_takes_long_texts_and_no_more(client, path):
    long = {"data": {"text": "a" * 500_000, "task_param": "b"}, "headers": HTML, "content_type": "multipart/form-data"}

    assert client.post(path, **long).status_code != 413
    assert client.post(path, **file_of(5_000_000), headers=HTML).status_code == 413


def test_a_task_with_a_file_takes_what_the_setting_allows(client):
    body = file_of(5_000_000)
    body["data"] = body["data"].replace(b'name="file"', b'name="data"')

    assert client.post("/api/v1/tasks/count_bytes/jobs", **body).status_code == 202


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP", "x-unknown"])
@pytest.mark.parametrize("path", [ECHO, f"{ECHO}:batch", "/api/v1/jobs:bulk", "/api/v1/tasks/count_bytes/jobs"])
def test_a_compressed_body_is_refused_by_the_name_of_its_encoding(client, path, encoding):
    body = gzip.compress(json.dumps({"text": "a"}).encode())

    answer = client.post(path, data=body, content_type="application/json", headers={"Content-Encoding": encoding})

    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")
    assert encoding in answer.json["detail"]


def test_a_body_that_is_not_compressed_may_say_so(client):
    assert client.post(ECHO, json={"text": "a"}, headers={"Content-Encoding": "identity"}).status_code == 202
