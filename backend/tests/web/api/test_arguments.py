"""The body of a submit: JSON, a form, files; and an error for each wrong argument."""

from __future__ import annotations

import io

import pytest


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

    assert answer.json["errors"] == [{"pointer": "/numbers/0", "detail": "Must be a whole number."}]


@pytest.mark.parametrize(
    ("task", "arguments", "pointer", "detail"),
    [
        ("echo", {}, "/text", "Required."),
        ("echo", {"text": 5}, "/text", "Must be text."),
        ("echo", {"text": "a", "times": "2"}, "/times", "Must be a whole number."),
        ("echo", {"text": "a", "times": 4}, "/times", "Must be at most 3."),
        ("echo", {"text": "a", "times": 0}, "/times", "Must be at least 1."),
        ("echo", {"text": "a", "other": 1}, "/other", "The task has no such parameter."),
        ("every_kind", {"color": "green"}, "/color", "Must be one of: red, blue."),
        ("every_kind", {"day": "soon"}, "/day", "Must be a date such as 2026-03-31."),
        ("every_kind", {"numbers": [1, "x"]}, "/numbers/1", "Must be a whole number."),
        ("every_kind", {"maybe": "x"}, "/maybe", "Must be a whole number."),
        ("every_kind", {"note": "abcdef"}, "/note", "Must have at most 5 characters."),
        ("every_kind", {"note": "A"}, "/note", "Must match the pattern ^[a-z]*$."),
        ("count_bytes", {"data": "text"}, "/data", "This is a file. Send the request as multipart/form-data."),
        ("count_bytes", {}, "/data", "Required."),
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
        ({}, "/data", "Required."),
        ({"data": (io.BytesIO(b""), "empty.csv")}, "/data", "The file is empty: choose one that has content."),
        ({"data": "text"}, "/data", "Must be a file: choose one."),
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


def test_a_request_over_the_limit_is_413(web_settings, registry):
    from taskdesk.web.application import create_app

    small = create_app(web_settings.model_copy(update={"max_upload_bytes": 1000})).test_client()

    answer = small.post("/api/v1/tasks/count_bytes/jobs", data={"data": (io.BytesIO(b"x" * 2000), "a.csv")})

    assert answer.status_code == 413
