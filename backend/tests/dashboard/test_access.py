"""Roles in rq-dashboard: who may read, and who may write."""

from __future__ import annotations

import base64
import re
from http.cookies import SimpleCookie

import pytest

from taskdesk.jobs.keys import INTAKE_LOCK
from tests.conftest import Stack
from tests.dashboard.requests import ask

WRITES = [
    "/job/{}/delete",
    "/job/{}/requeue",
    "/requeue/default",
    "/queue/default/failed/empty",
    "/queue/default/compact",
]


@pytest.mark.parametrize("path", WRITES)
def test_only_a_post_with_the_token_of_a_page_changes_data(get, post, submit, redis, run_worker, path):
    path = path.format(submit("raises"))
    run_worker()
    before = _everything(redis)
    foreign_token = {"X-CSRFToken": "a.b", "Cookie": "_csrf_token=a.b"}

    assert get(path).status == 405
    for headers in (
        {"X-CSRFToken": ""},
        {"Cookie": ""},
        foreign_token,
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = post(path, **headers)
        assert (answer.status, answer.json["detail"][-1]) == (403, "."), headers
    assert _everything(redis) == before
    assert post(path, **{"Sec-Fetch-Site": "same-origin"}).status == 200


def test_without_a_password_only_names_that_no_other_site_can_have_are_trusted(get):
    refused = get("/0/data/queues.json", Host="evil.example")

    assert (refused.status, "DASHBOARD_PASSWORD" in refused.json["detail"]) == (421, True)
    assert get("/", Host="evil.example:9181").status == 421
    assert get("/healthz", Host="evil.example").status == 200
    assert get("/0/data/queues.json", Host="localhost:9181").status == 200


def _everything(redis) -> dict[bytes, bytes]:
    return {key: redis.dump(key) for key in redis.keys("*") if key != INTAKE_LOCK.encode()}  # it expires by itself


def test_a_token_is_kept_until_a_restart_and_then_replaced(get):
    token = SimpleCookie(get("/").headers["Set-Cookie"])["_csrf_token"]

    assert token["samesite"] == "Strict"
    assert get("/", Cookie=f"_csrf_token={token.value}").headers["Set-Cookie"] is None
    assert "_csrf_token=" in get("/", Cookie="_csrf_token=of.before").headers["Set-Cookie"]


def test_a_page_runs_only_the_scripts_of_its_templates(get, submit):
    for path in ("/", "/0/view/jobs", "/0/view/workers", f"/0/view/job/{submit('echo', text='a')}", "/nowhere"):
        answer = get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        nonce = re.fullmatch(r"'nonce-([\w-]{20,})'", policy["script-src"])[1]
        scripts = re.findall(r"<script\b([^>]*)>", answer.text)

        assert policy["style-src"] == "'self'"
        assert policy["default-src"] == "'none'"
        assert scripts
        assert all(f'nonce="{nonce}"' in script or 'type="text/template"' in script for script in scripts)
        assert nonce not in get(path).text


def test_a_login_is_required_if_a_password_is_set(tmp_path, start_dashboard, redis_url):
    closed = start_dashboard(tmp_path, redis_url, DASHBOARD_USERNAME="Jürgen", DASHBOARD_PASSWORD="päss:word")

    def status(login: str, path: str = "/0/data/queues.json", scheme: str = "Basic") -> int:
        value = base64.b64encode(login.encode()).decode()
        return ask(closed, path, "GET", {"Authorization": f"{scheme} {value}"}).status

    nobody = ask(closed, "/", "GET", {})
    assert (nobody.status, nobody.headers["Set-Cookie"]) == (401, None)
    assert nobody.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert ask(closed, "/static/favicon.ico", "GET", {}).status == 401
    assert ask(closed, "/job/a/delete", "POST", {}).status == 401
    assert ask(closed, "/", "GET", {"Host": "desk.example"}).status == 401
    assert status("Jürgen:päss:word") == 200
    assert status("Jürgen:päss:word", scheme="Bearer") == status("admin:päss:word") == status("Jürgen:") == 401
    assert ask(closed, "/healthz", "GET", {}).status == 200


def test_each_write_leaves_an_audit_line(tmp_path, start_dashboard, redis_url, submit):
    job_id = submit("echo", text="a")
    dashboard = start_dashboard(tmp_path, redis_url, DASHBOARD_PASSWORD="twelve-bytes-or-more")
    login = {"Authorization": f"Basic {base64.b64encode(b'admin:twelve-bytes-or-more').decode()}"}
    token = SimpleCookie(ask(dashboard, "/", "GET", login).headers["Set-Cookie"])["_csrf_token"].value

    ask(dashboard, f"/job/{job_id}/delete", "POST", {"Cookie": f"_csrf_token={token}", "X-CSRFToken": token, **login})
    ask(dashboard, f"/job/{job_id}/delete", "POST", {})

    log = re.sub(r" request_id=[0-9a-f]{16}$", "", dashboard.log("dashboard"), flags=re.MULTILINE)
    lines = [line for line in log.splitlines() if "audit" in line]
    assert lines == [
        f"INFO audit who={who} what=delete_job subject={job_id} status={status} client=127.0.0.1"
        for who, status in (("admin", 200), ("", 401))
    ]


@pytest.mark.slow
def test_beside_a_desk_with_logins_it_needs_a_password(tmp_path, start_dashboard, redis_url):
    without = Stack(redis_url, tmp_path, AUTH="on")

    assert without.start("dashboard").wait(20) == 2
    assert "DASHBOARD_PASSWORD: it is needed with AUTH=on" in without.log("dashboard")
    closed = start_dashboard(tmp_path, redis_url, AUTH="on", DASHBOARD_PASSWORD="twelve-bytes-or-more")
    assert ask(closed, "/", "GET", {}).status == 401
