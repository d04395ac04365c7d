"""The result of a job, and its files."""

from __future__ import annotations

import pytest
from werkzeug.http import parse_options_header


def test_a_large_result_is_not_in_the_job_but_at_its_address(finished, client):
    job = finished("large")

    assert (job["result"]["kind"], "value" in job["result"], job["result"]["size"]) == ("text", False, 70_002)
    assert len(client.get(job["result"]["url"]).text) == 70_000


def test_every_kind_of_result_has_its_media_type(finished, client):
    parts = {part["name"]: part for part in finished("parts")["result"]["parts"]}

    kinds = {name: part["kind"] for name, part in parts.items()}
    assert kinds == {
        "accuracy": "json",
        "text": "text",
        "markdown": "markdown",
        "table": "table",
        "picture": "picture",
        "drawing": "picture",
        "file": "file",
        "path": "file",
    }
    assert client.get(parts["file"]["url"], buffered=True).data == b"content"
    assert client.get(parts["path"]["url"], buffered=True).data == b"\0\1\2"


def test_only_bitmaps_are_shown_inline_and_every_file_is_in_a_sandbox(finished, client):
    parts = {part["name"]: part for part in finished("parts")["result"]["parts"]}

    answers = {name: client.get(parts[name]["url"], buffered=True).headers for name in ("picture", "drawing", "file")}

    assert {name: headers["Content-Disposition"].split(";")[0] for name, headers in answers.items()} == {
        "picture": "inline",
        "drawing": "attachment",
        "file": "attachment",
    }
    assert all("sandbox" in headers["Content-Security-Policy"] for headers in answers.values())
    assert all(headers["X-Content-Type-Options"] == "nosniff" for headers in answers.values())


@pytest.mark.parametrize("name", ['Ärger & "Spaß" (neu).csv', "input-x.csv", "100 %;#?.txt", "结果"])
def test_a_file_of_a_result_is_saved_under_the_name_that_the_task_gave_it(client, finished, name):
    job = finished("names_a_file", name=name)

    for part, content in zip(job["result"]["parts"], (b"first", b"second"), strict=True):
        answer = client.get(part["url"], buffered=True)
        assert answer.data == content
        _, parameters = parse_options_header(answer.headers["Content-Disposition"])
        assert parameters["filename"] == name


@pytest.mark.parametrize("name", ["nothing.txt", "..%2f..%2fetc%2fpasswd", "%2e%2e", "input-data.csv"])
def test_an_artifact_that_the_job_does_not_have_is_404(client, finished, name):
    job = finished("echo", text="a")

    assert client.get(f"/api/v1/jobs/{job['id']}/artifacts/{name}").status_code == 404
