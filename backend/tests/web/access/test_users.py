"""Operators manage users and tokens on pages and by the API. A secret is shown once."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from taskdesk.service import people
from taskdesk.service.people import LastOperator, LinkEnded, People
from tests.web.access.people import ECHO, HTML, PASSWORD, form_token, log_in


@pytest.fixture
def post(signed_in):
    """Send a form of a page as a user: the answer."""

    def post(user, path, client=None, /, **form):
        client = client or signed_in(user)
        page = client.get("/account", headers=HTML)
        return client.post(path, data={**form, "-csrf": form_token(page)}, headers=HTML)

    return post


@pytest.fixture
def ops(bearer):
    return bearer("ops")


def secret_on(page):
    return unescape(re.search(r'class="secret" value="([^"]+)"', page.text)[1])


def use(client, link, new="a new long password", again=None):
    """Open the link of an operator, and set the password."""
    address = urlsplit(link)
    page = client.get(f"{address.path}?{address.query}", headers=HTML)
    if page.status_code != 200:
        return page
    form = {"key": address.query.partition("=")[2], "new": new, "again": again or new, "-csrf": form_token(page)}
    return client.post("/set-password", data=form, headers=HTML)


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_new_user_sets_a_password_with_a_link_that_works_once(client, app, post, ops, way):
    if way == "page":
        answer = post("ops", "/users", name="eve", role="user")
        link = secret_on(answer)
    else:
        answer = ops.post("/api/v1/users", json={"name": "eve", "role": "user"})
        link = answer.json["link"]

    early = log_in(app.test_client(), "eve", "")
    first, again = use(client, link), use(app.test_client(), link)

    assert answer.status_code == 201
    assert (early.status_code, first.status_code, again.status_code) == (401, 303, 410)
    assert client.post("/tasks/echo", data={"text": "a"}, headers=HTML).status_code == 403  # in, without its form token
    assert log_in(app.test_client(), "eve", "a new long password").status_code == 303
    shown = ops.get("/api/v1/users/eve").json
    assert (shown["role"], shown["has_password"], shown["link_ends_at"]) == ("user", True, None)


@pytest.mark.parametrize(("new", "again", "said"), [("short", None, "at least 12"), ("x" * 20, "y" * 20, "differ")])
def test_a_bad_new_password_leaves_the_link_valid(client, ops, new, again, said):
    link = ops.post("/api/v1/users", json={"name": "eve"}).json["link"]

    refused = use(client, link, new, again)

    assert refused.status_code == 422
    assert said in refused.text
    assert use(client, link).status_code == 303


def test_a_newer_link_ends_the_earlier_one_and_time_ends_both(client, ops, monkeypatch):
    old = ops.post("/api/v1/users/ann/link").json["link"]
    monkeypatch.setattr(people, "LINK_SECONDS", -1)
    new = ops.post("/api/v1/users/ann/link").json["link"]

    assert [use(client, link).status_code for link in (old, new)] == [410, 410]


def test_a_link_of_a_disabled_user_sets_nothing(client, ops):
    link = ops.post("/api/v1/users/ann/link").json["link"]
    ops.patch("/api/v1/users/ann", json={"disabled": True})

    assert use(client, link).status_code == 410


def test_of_two_who_use_a_link_at_the_same_time_one_sets_the_password(redis, accounts):
    key, outcomes = People(redis, "").new_link("ann"), []

    def use_link(hashed):
        try:
            outcomes.append(People(redis, "").use_link(key, hashed).password)
        except LinkEnded:
            outcomes.append("")

    threads = [threading.Thread(target=use_link, args=[f"hash{n}"]) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert len([one for one in outcomes if one]) == 1
    assert accounts.read()[0]["ann"].password in outcomes


def test_a_disabled_user_gets_in_by_no_way_until_enabled(always_fresh, app, signed_in, bearer, post, accounts):
    ann, program = signed_in("ann"), bearer("ann")
    post("ops", "/users/ann/disable")

    assert ann.get("/", headers=HTML).status_code == 302
    assert program.get("/api/v1/jobs").status_code == 401
    assert log_in(app.test_client(), "ann").status_code == 401
    assert "ann" not in accounts.read()[0]  # an earlier version of the web does not let the user in either

    post("ops", "/users/ann/enable")

    assert ann.get("/", headers=HTML).status_code == 302  # the session has ended for good
    assert program.get("/api/v1/jobs").status_code == 200
    assert log_in(app.test_client(), "ann").status_code == 303


def test_a_role_is_changed_at_once(signed_in, post):
    ann = signed_in("ann")

    assert post("ops", "/users/ann/role", role="viewer").status_code == 303
    assert "ann <small>viewer</small>" in ann.get("/", headers=HTML).text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v1/users/ops", {"role": "user"}),
        ("PATCH", "/api/v1/users/ops", {"disabled": True}),
        ("DELETE", "/api/v1/users/ops", None),
    ],
)
def test_the_last_operator_stays_one(ops, method, path, body):
    answer = ops.open(path, method=method, json=body)
    ops.post("/api/v1/users", json={"name": "new", "role": "operator"})  # has no password yet, and can't log in
    again = ops.open(path, method=method, json=body)

    assert (answer.status_code, again.status_code) == (409, 409)
    assert "ops is the last operator" in answer.json["detail"]
    assert ops.get("/api/v1/users").status_code == 200


def test_two_operators_can_not_remove_each_other_at_the_same_time(redis, accounts):
    accounts.put_user("two", PASSWORD, "operator")
    outcomes = []

    def remove(name):
        try:
            People(redis, "").remove(name)
            outcomes.append("removed")
        except LastOperator:
            outcomes.append("kept")

    threads = [threading.Thread(target=remove, args=[name]) for name in ("ops", "two")]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sorted(outcomes) == ["kept", "removed"]


def test_with_admin_password_the_last_operator_of_redis_may_go_and_the_name_admin_is_taken(make_app, accounts):
    client = make_app(admin_password=SecretStr(PASSWORD * 2)).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {accounts.add_token('ops', 'test')}"

    assert client.post("/api/v1/users", json={"name": "admin"}).status_code == 409
    assert client.delete("/api/v1/users/ops").status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"name": ""}, 422),
        ({"name": "x" * 65}, 422),
        ({"name": "a b"}, 422),
        ({"name": "日本"}, 422),
        ({"name": 5}, 422),
        ({"name": "eve", "role": "root"}, 422),
        ({"name": "eve", "password": "x"}, 422),
        ({"name": "ann"}, 409),
        ([], 400),
    ],
)
def test_a_wrong_user_is_refused_and_nothing_is_stored(ops, accounts, body, status):
    before = accounts.read()[0]

    answer = ops.post("/api/v1/users", json=body)

    assert answer.status_code == status
    assert answer.json["detail"]
    assert accounts.read()[0] == before


@pytest.mark.parametrize("path", ["/users/nobody", "/api/v1/users/nobody", "/api/v1/users/a%00b"])
def test_an_unknown_user_is_not_found(ops, path):
    assert ops.get(path).status_code == 404


def test_the_forms_say_what_is_wrong(post):
    taken = post("ops", "/users", name="ann", role="user")
    strange = post("ops", "/users", name="<b>", role="user")

    assert (taken.status_code, strange.status_code) == (409, 422)
    assert "There is a user ann already." in taken.text
    assert 'value="&lt;b&gt;"' in strange.text


@pytest.mark.parametrize("name", ["ann", "vic"])
def test_only_operators_see_the_users(signed_in, name):
    client = signed_in(name)

    assert client.get("/users", headers=HTML).status_code == client.get("/users/ann", headers=HTML).status_code == 403
    assert 'href="/users"' not in client.get("/", headers=HTML).text


def test_a_form_without_its_token_changes_nothing(signed_in, accounts):
    ops = signed_in("ops")

    assert ops.post("/users/ann/remove", headers=HTML).status_code == 403
    assert "ann" in accounts.read()[0]


def test_a_removed_user_leaves_no_token(ops, accounts):
    accounts.add_token("bob", "ci")

    assert ops.delete("/api/v1/users/bob").status_code == 204
    assert [token for token in accounts.read()[1].values() if token.user == "bob"] == []


def test_changes_of_accounts_are_limited(ops):
    statuses = [ops.post("/api/v1/users/ann/link").status_code for _ in range(61)]

    assert set(statuses[:60]) == {201}
    assert statuses[60] == 429


# Tokens


def test_a_token_is_shown_once_works_and_is_revoked(always_fresh, app, signed_in, post):
    ann = signed_in("ann")
    page = post("ann", "/tokens", ann, name="ci", role="user", days="7")
    token = secret_on(page)
    program = {"Authorization": f"Bearer {token}"}
    after = ann.get("/tokens", headers=HTML).text

    assert page.status_code == 201
    assert token not in after
    assert app.test_client().post(ECHO, json={"text": "a"}, headers=program).status_code == 202
    [path] = re.findall(r'action="(/tokens/\w+/revoke)"', after)
    assert post("ann", path, ann).status_code == 303
    assert app.test_client().get("/api/v1/jobs", headers=program).status_code == 401


def test_a_form_that_is_sent_twice_creates_one_token_and_shows_it_again_for_a_minute(
    signed_in, post, accounts, monkeypatch
):
    ann, form = signed_in("ann"), {"name": "ci", "role": "user", "days": "7", "-form-token": 32 * "a"}

    def send(user="ann", **more):
        return post(user, "/tokens", ann if user == "ann" else None, **form | more)

    first, again, other, of_bob = send(), send(), send(name="other"), send("bob")
    names = sorted((token.user, token.name) for token in accounts.read()[1].values())

    assert [answer.status_code for answer in (first, again, other, of_bob)] == 4 * [201]
    assert secret_on(first) == secret_on(again)
    assert len({secret_on(answer) for answer in (first, other, of_bob)}) == 3
    assert names == [("ann", "ci"), ("ann", "other"), ("bob", "ci")]
    now = people.clock.now()
    monkeypatch.setattr(people.clock, "now", lambda: now + 61)
    late = send()
    assert (late.status_code, secret_on(first) in late.text) == (409, False)


def test_two_that_create_the_same_token_at_the_same_time_create_one(accounts):
    with ThreadPoolExecutor(4) as threads:
        made = [*threads.map(lambda _: accounts.add_token("ann", "ci", text="td_of-a-form"), range(8))]

    assert set(made) == {"td_of-a-form"}
    assert len(accounts.read()[1]) == 1


def test_the_form_of_tokens_has_a_form_token(signed_in):
    assert 'name="-form-token"' in signed_in("ann").get("/tokens", headers=HTML).text


def test_a_user_makes_only_own_tokens_and_sees_no_others(signed_in, post, accounts):
    accounts.add_token("bob", "of-bob")
    ann = signed_in("ann")
    [foreign] = [token.id for token in accounts.read()[1].values()]

    assert post("ann", "/tokens", ann, user="bob", name="ci", days="7").status_code == 403
    assert post("ann", f"/tokens/{foreign}/revoke", ann).status_code == 404
    assert "of-bob" not in ann.get("/tokens", headers=HTML).text


def test_a_token_makes_no_token_unless_it_is_an_operators(bearer):
    form = {"name": "ci", "days": ""}

    assert bearer("ann").post("/tokens", data=form, headers=HTML).status_code == 403
    assert bearer("ops").post("/tokens", data=form, headers=HTML).status_code == 201


def test_an_expired_token_is_refused_and_gives_its_name_free(app, ops, accounts, monkeypatch):
    made = ops.post("/api/v1/tokens", json={"user": "ann", "name": "ci", "days": 1})
    program = {"Authorization": f"Bearer {made.json['token']}"}
    twice = ops.post("/api/v1/tokens", json={"user": "ann", "name": "ci"})
    assert app.test_client().get("/api/v1/jobs", headers=program).status_code == 200
    now = people.clock.now()
    monkeypatch.setattr(people.clock, "now", lambda: now + 86_401)

    assert twice.status_code == 409
    assert app.test_client().get("/api/v1/jobs", headers=program).status_code == 401
    assert ops.post("/api/v1/tokens", json={"user": "ann", "name": "ci"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "/user"),
        ({"user": "ann", "name": "a b"}, 422, ""),
        ({"user": "ann", "name": "ci", "days": 0}, 422, "/days"),
        ({"user": "ann", "name": "ci", "days": True}, 422, "/days"),
        ({"user": "ann", "name": "ci", "days": 1e9}, 422, "/days"),
        ({"user": "ann", "name": "ci", "role": "root"}, 422, "/role"),
        ({"user": "nobody", "name": "ci"}, 404, ""),
    ],
)
def test_a_wrong_token_is_refused_with_its_field(ops, body, status, field):
    answer = ops.post("/api/v1/tokens", json=body)

    assert answer.status_code == status
    assert not field or field in {error["pointer"] for error in answer.json["errors"]}


def test_operators_list_and_revoke_all_tokens_by_the_api(ops, accounts):
    accounts.add_token("ann", "old")
    [one] = [token for token in ops.get("/api/v1/tokens").json["data"] if token["name"] == "old"]

    assert one["expires_at"] is None
    assert ops.delete(f"/api/v1/tokens/{one['id']}").status_code == 204
    assert ops.delete(f"/api/v1/tokens/{one['id']}").status_code == 404
