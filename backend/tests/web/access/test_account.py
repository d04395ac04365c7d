"""Everybody changes the own password and ends the own sessions."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from taskdesk.web.access.open_sessions import OpenSessions
from tests.web.access.people import HTML, PASSWORD, form_token, log_in

NEW = "a new long password"


def post(client, path, **form):
    page = client.get("/account", headers=HTML)
    return client.post(path, data={**form, "-csrf": form_token(page)}, headers=HTML)


def change(client, old=PASSWORD, new=NEW, again=None):
    return post(client, "/account/password", old=old, new=new, again=new if again is None else again)


def is_in(client):
    return client.get("/account", headers=HTML).status_code == 200


def test_a_new_password_ends_all_sessions_but_this_one(always_fresh, app, signed_in):
    here, there = signed_in("ann"), signed_in("ann")

    done = change(here)

    assert done.location == "/account?done=password"
    assert (is_in(here), is_in(there)) == (True, False)
    assert log_in(app.test_client(), "ann").status_code == 401
    assert log_in(app.test_client(), "ann", NEW).status_code == 303


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"old": "wrong"}, "The old password is wrong."),
        ({"old": ""}, "The old password is wrong."),
        ({"new": "short"}, "at least 12"),
        ({"new": "x" * 2_000}, "1,000 at most"),
        ({"again": "other"}, "differ"),
    ],
)
def test_a_wrong_form_changes_no_password(app, signed_in, form, said):
    answer = change(signed_in("ann"), **form)

    assert answer.status_code == 422
    assert said in answer.text
    assert log_in(app.test_client(), "ann").status_code == 303


def test_a_session_can_not_guess_the_password(signed_in):
    ann = signed_in("ann")

    assert [change(ann, old="wrong").status_code for _ in range(10)][-1] == 429


def test_the_role_stays_with_a_new_password(signed_in, accounts):
    change(signed_in("vic"))

    assert accounts.read()[0]["vic"].role == "viewer"


def test_the_password_of_the_settings_is_changed_there(make_app, accounts):
    client = make_app(admin_password=SecretStr(PASSWORD * 2)).test_client()
    log_in(client, "admin", PASSWORD * 2)

    assert "ADMIN_PASSWORD" in client.get("/account", headers=HTML).text
    assert change(client, old=PASSWORD * 2).status_code == 422


def test_sessions_are_listed_and_one_is_ended(always_fresh, app, signed_in):
    here, there = signed_in("ann"), app.test_client()
    there.environ_base.update(REMOTE_ADDR="10.1.2.3", HTTP_USER_AGENT="<b>Browser</b>")
    log_in(there)
    page = here.get("/account", headers=HTML).text
    [path] = re.findall(r'action="(/account/sessions/\w+/end)"', page)

    assert "10.1.2.3" in page
    assert "&lt;b&gt;Browser&lt;/b&gt;" in page
    assert post(here, path).status_code == 303
    assert (is_in(here), is_in(there)) == (True, False)
    assert post(here, path).status_code == 404


def test_all_other_sessions_are_ended_also_those_of_an_earlier_version(always_fresh, signed_in):
    here, there, earlier = signed_in("ann"), signed_in("ann"), signed_in("ann")
    with earlier.session_transaction() as session:
        del session["id"]
        session["since"] = int(session["since"])
    assert is_in(earlier)

    post(here, "/account/end-other-sessions")

    assert [is_in(client) for client in (here, there, earlier)] == [True, False, False]


def test_a_session_of_another_user_can_not_be_ended(signed_in):
    ann, bob = signed_in("ann"), signed_in("bob")
    with bob.session_transaction() as session:
        session_id = session["id"]

    assert post(ann, f"/account/sessions/{session_id}/end").status_code == 404
    assert is_in(bob)


def test_a_copied_cookie_is_worth_nothing_after_the_logout(always_fresh, app, signed_in):
    ann, thief = signed_in("ann"), app.test_client()
    thief.set_cookie("taskdesk", ann.get_cookie("taskdesk").value)
    assert is_in(thief)

    post(ann, "/logout")

    assert not is_in(thief)


def test_at_most_fifty_sessions_are_listed(redis, accounts):
    sessions = OpenSessions(redis)
    for _ in range(60):
        last, _ = sessions.begin("ann", "mark", "10.0.0.1", "x" * 1_000)

    listed = sessions.of("ann", "mark")
    assert len(listed) == 50
    assert last in {one.id for one in listed}
    assert {len(one.agent) for one in listed} == {200}


def test_a_token_has_no_password_and_no_session(bearer):
    ann = bearer("ann")

    assert ann.post("/account/end-other-sessions", headers=HTML).status_code == 409
    assert ann.get("/account", headers=HTML).status_code == 200


@pytest.mark.parametrize("path", ["/account", "/users", "/tokens"])
def test_without_logins_the_pages_say_how_to_turn_them_on(make_app, accounts, path):
    client = make_app(auth=False).test_client()

    page = client.get(path, headers=HTML)

    assert page.status_code == 200
    assert "AUTH=on" in page.text
    assert client.post("/users", data={"name": "eve", "role": "user"}, headers=HTML).status_code == 409
    assert client.get("/api/v1/users").status_code == 409
