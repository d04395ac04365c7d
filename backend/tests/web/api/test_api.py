"""The API: tasks, jobs, results, events, and an error for every wrong request."""

from __future__ import annotations

import io
import json
import re

import pytest
from werkzeug.http import parse_options_header

from taskdesk.jobs.status import FINAL
from tests.conftest import wait_until


@pytest.fixture
def post(client):
    def post(task: str, arguments, **options):
        return client.post(f"/api/v1/tasks/{task}/jobs", json=arguments, **options)

    return post


@pytest.fixture
def finished(client, post, run_worker):
    """Run a task to its end; return the job as the API shows it."""

    def finished(task: str, **arguments):
        location = post(task, arguments).location

        def ended():
            run_worker()
            job = client.get(location).json
            return job if job["status"] in FINAL else None

        return wait_until(ended)

    return finished


def test_tasks_are_listed_with_their_schema(client):
    tasks = {task["name"]: task for task in client.get("/api/v1/tasks").json["data"]}

    assert tasks["echo"]["title"] == "Give a text back."
    assert tasks["echo"]["input_schema"]["properties"]["times"]["maximum"] == 3
    assert tasks["echo"]["queue"] == {"name": "default", "workers_online": 0}


def test_a_task_is_found_by_its_name_and_by_its_reference(client):
    by_name = client.get("/api/v1/tasks/echo").json

    assert by_name == client.get("/api/v1/tasks/tests.sample_tasks.echo").json


def test_a_job_is_accepted_runs_and_shows_its_result(client, post, run_worker):
    accepted = post("echo", {"text": "ab", "times": 2})
    run_worker()
    job = client.get(accepted.location).json

    assert (accepted.status_code, accepted.headers["Retry-After"], accepted.json["status"]) == (202, "1", "queued")
    assert (job["status"], job["input"]) == ("succeeded", {"text": "ab", "times": 2})
    assert job["result"] == {"kind": "text", "url": f"/api/v1/jobs/{job['id']}/result", "value": "abab"}
    assert job["expires_at"] > job["ended_at"]
    assert client.get(job["result"]["url"]).text == "abab"


def test_a_large_result_is_not_in_the_job_but_at_its_address(finished, client):
    job = finished("large")

    assert (job["result"]["kind"], "value" in job["result"], job["result"]["size"]) == ("text", False, 70_002)
    assert len(client.get(job["result"]["url"]).text) == 70_000


def test_a_failed_job_says_why(finished, client):
    job = finished("raises")

    assert job["error"] == {"type": "ValueError", "title": "ValueError", "detail": "The number <seven> is too small."}
    assert client.get(job["links"]["self"] + "/result").status_code == 409


def test_a_job_that_waits_for_its_next_attempt_says_why(client, post, run_worker, tmp_path):
    location = post("fails_once", {"path": str(tmp_path / "seen")}).location
    run_worker()

    job = client.get(location).json

    assert (job["status"], job["error"]["detail"], job["ended_at"]) == ("scheduled", "the first time", None)
    assert "Retrying soon" in client.get(f"/jobs/{job['id']}").text


def test_a_job_that_succeeds_the_second_time_shows_no_error(finished, tmp_path):
    job = finished("fails_once", path=str(tmp_path / "seen"))

    assert job["result"]["value"] == "done"
    assert "error" not in job


def test_a_job_that_was_tried_again_shows_the_first_attempt(finished, tmp_path):
    job = finished("fails_once", path=str(tmp_path / "seen"))

    [first] = job["attempts"]
    assert (first["error"]["detail"], job["attempt"]) == ("the first time", 2)
    assert None is not first["worker"] != job["worker"] is not None  # each time a worker of its own
    assert job["created_at"] < first["started_at"] <= first["ended_at"] < job["started_at"]


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


def test_a_file_is_uploaded_with_its_text_fields(client, run_worker):
    form = {"data": (io.BytesIO(b"a,b\n1,2\n"), '../../we"ird é.csv')}

    accepted = client.post("/api/v1/tasks/count_bytes/jobs", data=form)
    run_worker()
    job = client.get(accepted.location).json

    assert job["result"]["value"] == 8
    assert job["input"]["data"]["artifact"] == "input-data.csv"
    assert "/" not in job["input"]["data"]["filename"]
    assert client.get(f"/api/v1/jobs/{job['id']}/artifacts/input-data.csv", buffered=True).data == b"a,b\n1,2\n"


def test_text_fields_of_a_multipart_request_are_read_by_the_schema(client, run_worker):
    form = {"numbers": ["4", "5"], "sure": "false", "share": "0.25", "maybe": "7", "color": "blue"}

    accepted = client.post("/api/v1/tasks/every_kind/jobs", data=form, content_type="multipart/form-data")
    run_worker()

    value = client.get(accepted.location).json["result"]["value"]
    assert (value["numbers"], value["sure"], value["share"], value["maybe"], value["color"]) == (
        9,
        False,
        0.25,
        7,
        "BLUE",
    )


def test_a_field_of_a_multipart_list_is_one_entry_even_with_lines_in_it(client):
    answer = client.post("/api/v1/tasks/every_kind/jobs", data={"numbers": "4\n5"}, content_type="multipart/form-data")

    assert answer.json["errors"] == [{"pointer": "/numbers/0", "detail": "This has to be a whole number."}]


@pytest.mark.parametrize(
    ("task", "arguments", "pointer", "detail"),
    [
        ("echo", {}, "/text", "This is required."),
        ("echo", {"text": 5}, "/text", "This has to be text."),
        ("echo", {"text": "a", "times": "2"}, "/times", "This has to be a whole number."),
        ("echo", {"text": "a", "times": 4}, "/times", "This has to be at most 3."),
        ("echo", {"text": "a", "times": 0}, "/times", "This has to be at least 1."),
        ("echo", {"text": "a", "other": 1}, "/other", "The task has no such parameter."),
        ("every_kind", {"color": "green"}, "/color", "This has to be one of: red, blue."),
        ("every_kind", {"day": "soon"}, "/day", "This has to be a date such as 2026-03-31."),
        ("every_kind", {"numbers": [1, "x"]}, "/numbers/1", "This has to be a whole number."),
        ("every_kind", {"maybe": "x"}, "/maybe", "This has to be a whole number."),
        ("every_kind", {"note": "abcdef"}, "/note", "This has to have at most 5 characters."),
        ("every_kind", {"note": "A"}, "/note", "This has to match the pattern ^[a-z]*$."),
        ("count_bytes", {"data": "text"}, "/data", "This is a file. Send the request as multipart/form-data."),
        ("count_bytes", {}, "/data", "This is required."),
    ],
)
def test_each_wrong_argument_is_named(post, task, arguments, pointer, detail):
    answer = post(task, arguments)

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert {"pointer": pointer, "detail": detail} in answer.json["errors"]


def test_all_wrong_arguments_are_named_at_once(post):
    errors = post("echo", {"times": 9, "more": 1}).json["errors"]

    assert {error["pointer"] for error in errors} == {"/text", "/times", "/more"}


@pytest.mark.parametrize(
    ("form", "pointer", "detail"),
    [
        ({}, "/data", "This is required."),
        ({"data": (io.BytesIO(b""), "empty.csv")}, "/data", "The file is empty: choose one that has content."),
        ({"data": "text"}, "/data", "This has to be a file: choose one."),
        (
            {"data": (io.BytesIO(b"x"), "a.csv"), "nothing": (io.BytesIO(b"x"), "b")},
            "/nothing",
            "The task has no such file parameter.",
        ),
    ],
)
def test_a_wrong_upload_is_named_and_leaves_nothing_behind(client, form, pointer, detail, tmp_path):
    answer = client.post("/api/v1/tasks/count_bytes/jobs", data=form, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert {"pointer": pointer, "detail": detail} in answer.json["errors"]
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"text": NaN}', "application/json", 400),
        (b'{"text": 1e400}', "application/json", 400),
        (b'{"text": ' + b"[" * 30 + b"]" * 30 + b"}", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (rb'{"text": "\ud800"}', "application/json", 400),
        (b"text=a", "text/plain", 415),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(client, body, media_type, status):
    answer = client.post("/api/v1/tasks/echo/jobs", data=body, content_type=media_type)

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "body",
    [
        b"no part",
        b"--b\r\nX: y\r\n\r\nvalue\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nvalue\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nit is cut',
    ],
)
def test_a_form_that_can_not_be_read_is_refused_and_not_taken_as_empty(client, body):
    answer = client.post("/api/v1/tasks/every_kind/jobs", data=body, content_type="multipart/form-data; boundary=b")

    assert (answer.status_code, answer.json["title"]) == (400, "Unreadable form")
    assert answer.json["detail"] in (
        "The form can't be read. Let your client write the body and the Content-Type, as curl -F does.",
        "A part of the form has no name.",
    )


@pytest.mark.parametrize("path", ["tasks/nothing", "tasks/os.system", "jobs/nothing", "jobs/a:b", "nothing"])
def test_an_unknown_address_is_404(client, path):
    answer = client.get(f"/api/v1/{path}")

    assert (answer.status_code, answer.json["status"]) == (404, 404)


def test_only_announced_tasks_can_be_submitted(post, redis):
    assert post("os.system", {"command": "true"}).status_code == 404
    assert post("tasks.simple_task", {"task_arg": "a"}).status_code == 404
    assert redis.llen("rq:queue:default") == 0


def test_an_expired_job_is_410(client, post, redis):
    location = post("echo", {"text": "a"}).location
    redis.delete("rq:job:" + location.rpartition("/")[2])

    assert client.get(location).status_code == 410


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


def test_a_request_over_the_limit_is_413(web_settings, registry):
    from taskdesk.web.application import create_app

    small = create_app(web_settings.model_copy(update={"max_upload_bytes": 1000})).test_client()

    answer = small.post("/api/v1/tasks/count_bytes/jobs", data={"data": (io.BytesIO(b"x" * 2000), "a.csv")})

    assert answer.status_code == 413


def test_jobs_are_listed_by_page_with_a_link_to_the_next(client, post):
    ids = [post("echo", {"text": str(n)}).json["id"] for n in range(3)]

    first = client.get("/api/v1/jobs?limit=2")
    second = client.get(first.headers["Link"].split(">")[0].lstrip("<"))

    assert [job["id"] for job in first.json["data"] + second.json["data"]] == ids[::-1]
    assert second.json["next_cursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=9999", "cursor=x", "cursor=-1", "limit="])
def test_a_wrong_page_is_422(client, query):
    assert client.get(f"/api/v1/jobs?{query}").status_code == 422


def test_events_replay_what_happened_and_end(client, finished):
    job = finished("talk")

    stream = client.get(job["links"]["events"])

    assert stream.mimetype == "text/event-stream"
    events = [block.split("\n") for block in stream.text.strip().split("\n\n")]
    types = [line[7:] for block in events for line in block if line.startswith("event: ")]
    assert types[0] == "state"
    assert types[-1] == "end"
    assert {"progress", "log"} <= set(types)
    texts = [json.loads(line[6:]).get("text", "") for block in events for line in block if line.startswith("data: ")]
    assert "printed line" in "".join(texts)


def test_events_continue_after_the_last_one_seen(client, finished):
    events = finished("talk")["links"]["events"]
    said = _told_once(client.get(events).text)

    again = client.get(events, headers={"Last-Event-ID": said[1][0]}).text

    assert _told_once(again) == said[2:]


def _told_once(stream: str) -> list[tuple[str, str]]:
    """Id and data of the progress and log events: what a client must not see twice."""
    return re.findall(r"^id: (\S+)\nevent: (?:progress|log)\ndata: (.*)$", stream, re.MULTILINE)


def test_a_page_of_another_site_can_not_write(client, redis):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=headers).status_code == 403
    assert redis.llen("rq:queue:default") == 0


def test_health_readiness_and_version(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    assert "taskdesk" in client.get("/version").json


def test_a_request_has_an_id_that_its_error_names(client):
    answer = client.get("/api/v1/jobs/nothing", headers={"X-Request-ID": "my-request-1"})

    assert answer.headers["X-Request-ID"] == answer.json["request_id"] == "my-request-1"
