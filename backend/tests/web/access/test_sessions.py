"""Sessions: how they start and end, and that passwords can't be guessed."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from pydantic import SecretStr

from taskdesk.web.access import identity
from tests.web.access.people import HTML, PASSWORD, form_token, log_in


def test_a_user_logs_in_submits_and_logs_out(signed_in):
    ann = signed_in("ann")
    token = form_token(ann.get("/", headers=HTML))
    submitted = ann.post("/tasks/echo", data={"text": "a", "-csrf": token}, headers=HTML)
    out = ann.post("/logout", data={"-csrf": token}, headers=HTML)

    assert submitted.location.startswith("/jobs/")
    assert out.location == "/login"
    assert ann.get("/", headers=HTML).status_code == 302


def test_the_page_of_a_task_says_how_to_make_a_token(signed_in):
    page = signed_in("ann").get("/tasks/echo", headers=HTML).text

    assert page.count("taskdesk token add --user ann") == 2
    assert "Authorization: Bearer $TASKDESK_TOKEN" in unescape(page)


def test_a_viewer_can_log_out_and_look_at_code_samples(signed_in):
    vic = signed_in("vic")
    token = form_token(vic.get("/", headers=HTML))

    assert vic.post("/tasks/echo/code_samples", data={"text": "a"}).status_code == 200
    assert vic.post("/logout", data={"-csrf": token}).status_code == 303


@pytest.mark.parametrize("jump", [-3600, 13 * 3600])
def test_a_clock_that_jumps_ends_no_session(signed_in, jump, monkeypatch):
    ann, real = signed_in("ann"), time.time

    monkeypatch.setattr(time, "time", lambda: real() + jump)

    assert ann.get("/", headers=HTML).status_code == 200


def test_a_login_begins_a_new_session(client):
    client.get("/login", headers=HTML)
    with client.session_transaction() as session:
        session["planted"] = "by another"
        before = dict(session)

    log_in(client)

    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["user"] == "ann"
        assert not set(before.values()) & set(session.values())


@pytest.mark.parametrize("change", [{"user": "ops"}, {"mark": "0" * 32}, {"since": 0}, {"since": 1e12}])
def test_an_unknown_session_is_no_login(signed_in, change):
    ann = signed_in("ann")
    with ann.session_transaction() as session:  # as if the key were known
        session.update(change)

    assert ann.get("/", headers=HTML).status_code == 302


def test_a_changed_session_cookie_is_no_login(signed_in):
    ann = signed_in("ann")
    cookie = ann.get_cookie("taskdesk")
    ann.set_cookie("taskdesk", f"{cookie.value[:-2]}xx")

    assert ann.get("/", headers=HTML).status_code == 302


@pytest.mark.parametrize("end", ["password", "removed"])
def test_a_session_ends_with_its_user_and_with_the_password(always_fresh, accounts, signed_in, end):
    ann = signed_in("ann")
    accounts.put_user("ann", "another long one", "user") if end == "password" else accounts.remove_user("ann")

    assert ann.get("/", headers=HTML).status_code == 302


def test_the_cookie_is_for_this_desk_only(make_app, accounts):
    def cookie(**settings):
        answer = make_app(**settings).test_client().get("/login", headers=HTML)
        return answer.headers["Set-Cookie"]

    assert re.fullmatch(r"taskdesk=[^;]+; HttpOnly; Path=/; SameSite=Lax", cookie())
    assert re.fullmatch(r"__Host-taskdesk=[^;]+; Secure; HttpOnly; Path=/; SameSite=Lax", cookie(env="prod"))


def test_no_cache_keeps_a_page(signed_in):
    assert signed_in("ann").get("/", headers=HTML).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "jobs",
     "\\\\evil.example", "/\n//evil.example", "/%0d%0a\r\nSet-Cookie: a=b", " //evil.example"],
)  # fmt: skip
def test_the_login_leads_to_no_other_site(client, target):
    assert log_in(client, next=target).location == "/"
    assert client.get("/login", query_string={"next": target}, headers=HTML).location == "/"


def test_the_admin_of_the_settings_needs_no_redis_entry(make_app, redis):
    client = make_app(admin_password=SecretStr(PASSWORD * 2)).test_client()

    assert log_in(client, "admin", PASSWORD * 2).status_code == 303
    assert "Log out" in client.get("/", headers=HTML).text
    assert redis.exists("taskdesk:users") == 0
    assert log_in(make_app().test_client(), "admin", PASSWORD * 2).status_code == 401


def test_an_unknown_name_and_a_wrong_password_can_not_be_told_apart(client, app, monkeypatch):
    hashes = []
    check = identity.check_password_hash
    monkeypatch.setattr(
        identity, "check_password_hash", lambda stored, typed: hashes.append(stored) or check(stored, typed)
    )

    answers = [log_in(client, name, "wrong").text for name in ("ann", "eve")]

    assert all("Wrong username or password." in answer for answer in answers)
    assert len({re.sub(r'value="[^"]*"', "", answer) for answer in answers}) == 1
    assert len({stored.partition("$")[0] for stored in hashes}) == 1  # the same work for both
    assert len(hashes) == 2


def test_logins_are_limited_by_address_and_by_name(app):
    def attempt(name, address):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        return log_in(client, name, "wrong")

    by_address = [attempt(f"name{n}", "10.0.0.1") for n in range(11)]
    by_name = [attempt("eve", f"10.0.1.{n}") for n in range(11)]

    for answers in (by_address, by_name):
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert log_in(app.test_client()).status_code == 303
