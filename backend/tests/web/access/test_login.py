"""The form of the login: every attempt is counted and logged, and the user gets to the page that led here."""

from __future__ import annotations

import logging
import re
from html import unescape

import pytest

from tests.web.access.people import HTML, PASSWORD, form_token, log_in

UNREADABLE = {"data": b"no parts", "content_type": "multipart/form-data; boundary=x"}
NAMELESS = {
    "data": b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
    **{"content_type": "multipart/form-data; boundary=x"},
}


LARGE = {
    "data": b'--x\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n%b\r\n--x--\r\n'
    % (b"x" * 1_000_000),
    "content_type": "multipart/form-data; boundary=x",
}


@pytest.mark.parametrize("body", [UNREADABLE, NAMELESS, LARGE], ids=["unreadable", "nameless", "large"])
def test_an_attempt_counts_whatever_its_body_is(client, body):
    statuses = [client.post("/login", **body, headers=HTML).status_code for _ in range(11)]

    assert set(statuses[:10]) <= {400, 413}
    assert statuses[10] == 429
    assert log_in(client).status_code == 429


def test_unreadable_attempts_and_wrong_passwords_share_one_count(client):
    for _ in range(5):
        client.post("/login", **UNREADABLE, headers=HTML)
        log_in(client, "ann", "wrong")

    assert log_in(client, "bob").status_code == 429


def test_a_large_login_is_refused_before_it_is_read(client):
    answer = client.post("/login", **LARGE, headers=HTML)

    assert answer.status_code == 413
    assert "16,384 bytes" in answer.text


@pytest.mark.parametrize(
    ("name", "logged"), [("ann", "ann"), ("nobody", "nobody"), ("a\nb", "a"), ("日本", "日本"), ("x" * 500, "x" * 64)]
)
def test_a_failed_login_is_logged_with_the_name_tried_and_without_the_password(client, caplog, name, logged):
    caplog.set_level(logging.INFO)

    assert log_in(client, name, "wrong-password").status_code == 401

    [record] = [record for record in caplog.records if record.name == "audit"]
    assert logged in str(vars(record))
    assert "x" * 65 not in str(vars(record))
    assert "wrong-password" not in caplog.text


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/tasks/日", "/tasks/%E6%97%A5"),
        ("/jobs?tag=ü&owner=é", "/jobs?tag=%C3%BC&owner=%C3%A9"),
        ("/tasks/%E6%97%A5", "/tasks/%E6%97%A5"),
        ("/jobs#ä", "/jobs#%C3%A4"),
        ("/tasks/a\u2028b", "/tasks/a%E2%80%A8b"),
        ("//evil.example/日", "/"),
    ],
)
def test_a_login_leads_to_any_page_of_the_desk(client, target, location):
    answer = client.post(
        "/login",
        data={"name": "ann", "password": PASSWORD, "next": target, "-csrf": form_token(client.get("/login"))},
        headers=HTML,
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, location)
    assert client.get("/login", query_string={"next": target}).headers["Location"] == location


def test_unreadable_forms_of_a_user_count_as_writes(make_app, accounts):
    client = make_app(rate_limit="3/minute").test_client()
    log_in(client)

    statuses = [client.post("/tasks/echo", **UNREADABLE, headers=HTML).status_code for _ in range(4)]

    assert statuses[-1] == 429


def after_the_session(signed_in, path, form):
    """Send a form after its session has ended; return the client and the answer."""
    client = signed_in("ann")
    page = client.get(path, headers=HTML)
    client.delete_cookie("taskdesk")
    return client, client.post(path, data={**form, "-csrf": form_token(page)}, headers=HTML)


def log_in_on(client, page, password=PASSWORD):
    fields = {
        name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    }
    return client.post("/login", data={**fields, "name": "ann", "password": password}, headers=HTML)


def test_a_form_that_is_sent_after_its_session_is_kept_and_sent_after_the_login(signed_in):
    typed = 'a "quoted"\r\ntext\r\n'
    client, refused = after_the_session(signed_in, "/tasks/echo?from=", {"text": typed, "-tag": "night"})

    wrong = log_in_on(client, refused.text, "wrong")
    offered = log_in_on(client, wrong.text).text
    fields = re.findall(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', offered, re.DOTALL)
    form = {name: unescape(value) for name, value in fields}
    sent = client.post(
        "/tasks/echo", data={**form, "-csrf": re.search(r'name="-csrf" value="([^"]+)"', offered)[1]}, headers=HTML
    )

    assert refused.status_code == 401
    assert "Your session has ended. Log in to send it." in refused.text
    assert 'action="/tasks/echo?from="' in offered
    job = client.get(f"/api/v1{sent.location}").json
    assert job["input"]["text"].splitlines() == typed.splitlines()
    assert job["tags"] == ["night"]


@pytest.mark.parametrize(
    "form", [{"text": "x" * 5_000}, {"text": "日" * 5_000}, {"text": "x" * 500_000}], ids=["long", "wide", "huge"]
)
def test_a_form_that_is_too_long_to_keep_leads_back_to_its_page(signed_in, form):
    client, refused = after_the_session(signed_in, "/tasks/echo", form)

    assert refused.status_code == 401
    assert "Your session has ended. Log in, and send the form again." in refused.text
    assert log_in_on(client, refused.text).status_code == 303


@pytest.mark.parametrize(
    "kept", ["{", "5", '{"path": 1}', '{"path": "//evil.example/", "fields": []}', '{"path": "/x"}']
)
def test_a_forged_form_is_not_offered(client, kept):
    answer = log_in(client, **{"-kept": kept})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
