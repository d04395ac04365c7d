"""The fast path for plain submits differs from Flask neither in its answers nor in what it records."""

from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr
from werkzeug.security import generate_password_hash

from taskdesk.service.accounts import Accounts
from tests.web.access.people import SECRET, USERS
from tests.web.two_ways import BODY, HEADERS, LOGINS, LONG, REQUESTS_SENT, SAME, TwoWays


@pytest.fixture
def tokens(redis, monkeypatch):
    """Headers that log in, and headers that do not."""
    monkeypatch.setattr(
        "taskdesk.service.accounts.generate_password_hash", lambda *_: generate_password_hash("a", "pbkdf2:sha256:1")
    )
    accounts = Accounts(redis)
    for name, role in {**USERS, "gone": "user"}.items():
        accounts.put_user(name, "a long enough password", role)
    texts = {name: accounts.add_token(name, "test") for name in (*USERS, "gone")}
    texts["removed"] = texts.pop("gone")
    accounts.remove_user("gone")
    texts["of a low role"] = accounts.add_token("ops", "low", role="viewer")
    texts["unknown"] = "td_nothing"
    texts["empty"] = ""
    headers = {name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}
    headers["lower"] = {"Authorization": f"bearer  {texts['ann']}"}
    return {**headers, "Basic": {"Authorization": "Basic YTpi"}}


@pytest.fixture
def two_ways(web_settings, registry, tokens, caplog, monkeypatch):
    caplog.set_level(logging.INFO)

    def make(**settings):
        return TwoWays(web_settings.model_copy(update=settings), tokens, caplog, monkeypatch)

    return make


AUTH = {"auth": True, "secret_key": SecretStr(SECRET)}
WITH_OR_WITHOUT_LOGIN = pytest.mark.parametrize("settings", [{}, AUTH], ids=["no login", "login"])


@pytest.mark.slow
@WITH_OR_WITHOUT_LOGIN
@pytest.mark.parametrize("proxies", [0, 1])
def test_both_ways_answer_alike_whatever_a_header_says(two_ways, settings, proxies):
    ways = two_ways(trusted_proxies=proxies, **settings)

    assert ways.differences({name: {"headers": headers} for name, headers in HEADERS.items()}) == {}


@WITH_OR_WITHOUT_LOGIN
def test_both_ways_answer_alike_whatever_is_sent(two_ways, settings):
    ways = two_ways(**settings)

    assert ways.differences(REQUESTS_SENT) == {}


@pytest.mark.slow
@WITH_OR_WITHOUT_LOGIN
def test_both_ways_answer_alike_whoever_sends_it(two_ways, settings):
    ways = two_ways(**settings)
    combined = {
        (login, encoding, len(data)): {"login": login, "headers": {"Accept-Encoding": encoding}, "data": data}
        for login in LOGINS
        for encoding in ("gzip", "identity")
        for data in (BODY, LONG, "{")
    }

    assert ways.differences(combined) == {}


def test_a_plain_submit_takes_the_fast_path_also_if_it_is_refused(two_ways):
    ways = two_ways(**AUTH)
    plain = [
        *({"headers": HEADERS[name]} for name in ("nothing", "Accept-Encoding", "X-Request-ID", "Host unknown")),
        *({"login": login} for login in LOGINS),
        *({"data": data} for data in (LONG, "{")),
        {"base_url": f"{SAME}/desk"},
        {"path": "/api/v1/tasks/nothing/jobs"},
    ]

    assert [request for request in plain if not ways.takes_fast_path(request)] == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("Content-Encoding", "gzip")),
        ({}, ("Vary", "Accept-Encoding")),
        (AUTH, ("Cache-Control", "private, no-cache")),
    ],
)
def test_the_fast_path_has_the_headers_that_the_hooks_promise(two_ways, settings, expected):
    ways = two_ways(**settings)

    (status, headers, *_), _ = ways.send(headers={"Accept-Encoding": "gzip"}, data=LONG)

    assert (status, ways.took_fast_path) == ("202 ACCEPTED", True)
    assert expected in headers


def test_the_fast_path_is_counted_logged_and_audited(two_ways):
    ways = two_ways(**AUTH)

    (_, _, _, (audit, line), counts), _ = ways.send()

    assert counts == {("POST", "/api/v1/tasks/<name>/jobs", "202"): 1}
    assert "'who': 'ann', 'what': 'create_job', 'subject': 'JOB', 'token': 'test'" in audit
    assert "'method': 'POST', 'path': '/api/v1/tasks/echo/jobs', 'status': 202" in line


@WITH_OR_WITHOUT_LOGIN
@pytest.mark.parametrize("rates", ["1/minute", "100/day;1/minute"])
def test_both_ways_refuse_what_is_over_the_limit(two_ways, redis, settings, rates):
    ways = two_ways(rate_limit=rates, **settings)
    answers = []
    for app in (ways.fast, ways.flask):
        answers.append([ways.one(app) for _ in range(3)])
        redis.delete(*redis.keys("LIMITS*"))

    assert answers[0] == answers[1]
    assert [status for status, *_ in answers[0]] == ["202 ACCEPTED", *["429 TOO MANY REQUESTS"] * 2]


def test_both_ways_refuse_a_submit_to_a_full_queue(two_ways):
    ways = two_ways(max_queued=1)
    ways.one(ways.flask)

    fast, flask = ways.send()

    assert fast == flask
    assert fast[0] == "429 TOO MANY REQUESTS"


def test_both_ways_refuse_a_submit_while_redis_is_full(two_ways, leave):
    ways = two_ways()
    leave(1.1)

    fast, flask = ways.send()

    assert fast == flask
    assert fast[0] == "503 SERVICE UNAVAILABLE"


@WITH_OR_WITHOUT_LOGIN
@pytest.mark.parametrize("is_known", [True, False])
def test_both_ways_refuse_a_submit_while_redis_is_away(two_ways, redis_server, settings, is_known):
    ways = two_ways(rate_limit="100/day", **settings)
    if is_known:
        ways.send()
    redis_server.stop()
    try:
        fast, flask = ways.send()
    finally:
        redis_server.start()

    assert fast == flask
    assert fast[0] == "503 SERVICE UNAVAILABLE"


def test_both_ways_answer_a_bug_alike(two_ways, redis):
    ways = two_ways()
    redis.set("taskdesk:jobs", "no sorted set")

    fast, flask = ways.send()

    assert fast == flask
    assert fast[0] == "500 INTERNAL SERVER ERROR"
