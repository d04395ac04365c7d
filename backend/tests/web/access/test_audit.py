"""The log has user, action, subject and client of each write, and no secret."""

from __future__ import annotations

import logging
from io import StringIO

import pytest
from pydantic import SecretStr

from taskdesk.service.logs import formatter_for
from taskdesk.web.settings import WebSettings
from tests.web.access.people import ECHO, HTML, PASSWORD, SECRET, log_in


@pytest.fixture
def log(caplog):
    """All lines of the log, in the format of dev."""
    caplog.set_level(logging.INFO)
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(formatter_for("dev"))
    logging.root.addHandler(handler)
    yield handler.stream
    logging.root.removeHandler(handler)


def audit_lines(log):
    return [line for line in log.getvalue().splitlines() if line.startswith("INFO audit ")]


@pytest.mark.parametrize("headers", [{}, {"X-Anything": "not the fast path"}])
def test_a_write_is_logged_with_user_action_subject_and_client(bearer, log, headers):
    job = bearer("ann").post(ECHO, json={"text": "a"}, headers=headers)
    [line] = audit_lines(log)

    request_id = job.headers["X-Request-ID"]
    said = ("who=ann", "token=test", "what=create_job", f"subject={job.json['id']}", "client=127.0.0.1", "status=202")
    assert [part for part in (*said, f"request_id={request_id}") if part not in line] == []


def test_a_refused_write_is_logged_and_a_read_is_not(bearer, log):
    vic = bearer("vic")
    vic.get("/api/v1/jobs")
    vic.patch("/api/v1/queues/low", json={"paused": True})

    [line] = audit_lines(log)
    assert all(part in line for part in ("who=vic", "what=change_queue", "subject=low", "status=403"))


def test_no_log_has_a_secret(make_app, accounts, capsys, log):
    app = make_app(admin_password=SecretStr("admin-pass-word"))
    token = accounts.add_token("ann", "ci")
    client = app.test_client()
    log_in(client, "admin", "admin-pass-word")
    log_in(app.test_client(), "ann", "typed wrong here")
    client.post(ECHO, json={"text": "a"}, headers={"Authorization": f"Bearer {token}"})
    client.post(ECHO, json={"text": "a"}, headers={"Authorization": "Bearer td_unknown-token"})

    told = capsys.readouterr()
    logged = told.out + told.err + log.getvalue() + repr(WebSettings(_env_file=None, secret_key=SECRET))
    secrets = (SECRET, "admin-pass-word", "typed wrong here", token, "td_unknown-token", PASSWORD)
    assert "what=log_in" in logged
    assert [secret for secret in secrets if secret in logged] == []


def test_no_secret_is_in_the_log(app, accounts, log, capfd):
    client, token = app.test_client(), accounts.add_token("ann", "test")
    secrets = ["canary-argument", "canary-password", "canary-query", "canary-cookie", token]
    client.set_cookie("session", secrets[3])
    client.post("/login", data={"name": "ann", "password": secrets[1]}, headers=HTML)
    for headers in ({}, {"X-Anything": "not the fast path"}):
        bearing = {**headers, "Authorization": f"Bearer {token}"}
        assert client.post(ECHO, json={"text": secrets[0]}, headers=bearing).status_code == 202
        assert client.post(ECHO, json={"wrong": secrets[0]}, headers=bearing).status_code == 422
        client.get(f"/jobs?tag={secrets[2]}", headers=bearing)

    logged = log.getvalue() + "".join(capfd.readouterr())
    assert "/api/v1/tasks/echo/jobs" in logged
    assert [secret for secret in secrets if secret in logged] == []
