"""The fast path for plain submits differs from Flask neither in its answers nor in what it records."""

from __future__ import annotations

import gzip
import logging
import re
from collections import Counter

import pytest
from pydantic import SecretStr
from werkzeug.security import generate_password_hash

from taskdesk.service.accounts import Accounts
from taskdesk.web import application, fast_path
from taskdesk.web.exchange import Exchange
from taskdesk.web.metrics.process_metrics import REQUESTS
from tests.web.access.people import ECHO, SECRET, USERS

BODY = '{"text": "a"}'
LONG = f'{{"text": "{"a" * 2000}"}}'  # the answer has it, so it is long enough to be compressed
TYPES = ("application/json", "application/json; charset=utf-8", "Application/JSON", "text/plain", "", "text/csv, x")
SAME = "http://localhost"

# What a request may vary. Each is: headers, and the rest of the request if it is not BODY by POST to ECHO.
HEADERS = {
    "nothing": {},
    "Accept-Encoding": {"Accept-Encoding": "gzip, br"},
    "Accept-Encoding refused": {"Accept-Encoding": "gzip;q=0, *;q=0.5"},
    "Accept-Encoding any": {"Accept-Encoding": "*"},
    "Accept-Encoding malformed": {"Accept-Encoding": "gzip;q=x,,"},
    "Content-Encoding": {"Content-Encoding": "gzip"},
    "Accept JSON": {"Accept": "application/json"},
    "Accept HTML": {"Accept": "text/html"},
    "Accept nothing": {"Accept": "image/png"},
    "Prefer not to wait": {"Prefer": "wait=0"},
    "Prefer malformed": {"Prefer": "wait=soon"},
    "Idempotency-Key": {"Idempotency-Key": "one"},
    "Idempotency-Key malformed": {"Idempotency-Key": "a" * 300},
    "X-Request-ID": {"X-Request-ID": "of-the-client"},
    "X-Request-ID too short": {"X-Request-ID": "short"},
    "X-Request-ID malformed": {"X-Request-ID": 'a "b" c=d e'},
    "Origin": {"Origin": SAME},
    "Origin of another site": {"Origin": "http://other.example"},
    "Origin none": {"Origin": "null"},
    "Sec-Fetch-Site": {"Sec-Fetch-Site": "same-origin"},
    "Sec-Fetch-Site of another site": {"Sec-Fetch-Site": "cross-site"},
    "Host": {"Host": "localhost:80"},
    "Host of a machine": {"Host": "127.0.0.1:5000"},
    "Host unknown": {"Host": "other.example"},
    "Host malformed": {"Host": "a/b"},
    "X-Forwarded-For": {"X-Forwarded-For": "10.0.0.1, 10.0.0.2"},
    "X-Forwarded-Host": {"X-Forwarded-Host": "other.example"},
    "X-Forwarded-Proto": {"X-Forwarded-Proto": "https", "Origin": "https://localhost"},
    "X-Forwarded-Prefix": {"X-Forwarded-Prefix": "/desk"},
    "X-Forwarded-Port": {"X-Forwarded-Port": "8443"},
    "Connection": {"Connection": "close"},
    "User-Agent": {"User-Agent": "curl/8.0"},
    "Cookie": {"Cookie": "taskdesk=nothing; other=1"},
    "X-CSRFToken": {"X-CSRFToken": "nothing"},
    "X-Anything": {"X-Anything": "a header that no rule knows"},
    "If-None-Match": {"If-None-Match": '"a"'},
    "Range": {"Range": "bytes=0-10"},
}
LOGINS = ("nobody", "vic", "ann", "ops", "of a low role", "removed", "unknown", "Basic", "empty", "lower")
REQUESTS_SENT = {
    **{f"type {kind!r}": {"content_type": kind} for kind in TYPES},
    "no object": {"data": "[]"},
    "no JSON": {"data": "{"},
    "no UTF-8": {"data": b'{"text": "\xff"}'},
    "a wrong value": {"data": '{"text": 1}'},
    "no value": {"data": "{}"},
    "no body": {"data": ""},
    "a name twice": {"data": '{"text": "a", "text": "b"}'},
    "NaN": {"data": '{"text": NaN}'},
    "beyond ASCII": {"data": '{"text": "ä😀\\u0000"}'.encode()},
    "too much": {"data": f'{{"text": "{"a" * 1_000_000}"}}'},
    "a query": {"query_string": "tag=a&queue=low"},
    "a wrong query": {"query_string": "tag="},
    "an unknown task": {"path": "/api/v1/tasks/nothing/jobs"},
    "a reference": {"path": "/api/v1/tasks/tests.sample_tasks.echo/jobs"},
    "a slash": {"path": ECHO + "/"},
    "beyond the path": {"path": "/api/v1/tasks/ä/jobs"},
    "a prefix": {"base_url": f"{SAME}/desk"},
    "GET": {"method": "GET"},
    "HEAD": {"method": "HEAD"},
    "OPTIONS": {"method": "OPTIONS"},
    "PUT": {"method": "PUT"},
    "HTTPS": {"base_url": "https://localhost"},
}


class TwoWays:
    """The same application twice on one Redis, once without the fast path."""

    def __init__(self, settings, tokens, caplog, monkeypatch):
        self.fast = application.create_app(settings)
        with monkeypatch.context() as patched:
            patched.setattr(application, "FastPath", lambda app: app.wsgi_app)
            self.flask = application.create_app(settings)
        self.took_fast_path = False
        self._tokens, self._caplog = tokens, caplog
        monkeypatch.setattr(fast_path, "Exchange", self._note)

    def _note(self, *args):
        self.took_fast_path = True
        return Exchange(*args)

    def send(self, headers=None, login="ann", **request):
        """What the client gets and what is recorded, by the fast path and by Flask."""
        self.took_fast_path = False
        return self.one(self.fast, login, headers, **request), self.one(self.flask, login, headers, **request)

    def takes_fast_path(self, request):
        self.send(**request)
        return self.took_fast_path

    def differences(self, requests):
        """The requests whose answers differ, with both answers."""
        answers = {name: self.send(**request) for name, request in requests.items()}
        return {name: (fast, flask) for name, (fast, flask) in answers.items() if fast != flask}

    def one(self, app, login="ann", headers=None, **request):
        headers = {**self._tokens.get(login, {}), **(headers or {})}
        self._caplog.clear()
        before = counted()
        defaults = {"path": ECHO, "method": "POST", "data": BODY, "content_type": "application/json"}
        answer = app.test_client().open(headers=headers, **defaults | request)
        body = answer.data
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
            answer.headers["Content-Length"] = "that of this time and id"
        records = self._records()
        lines = [(line.name, line.levelname, line.getMessage(), getattr(line, "fields", {})) for line in records]
        job_id = (answer.headers.get("Location") or "/").rpartition("/")[2]

        def without_own(text):
            """Without what differs from one request to the next."""
            for own, name in ((job_id, "JOB"), (answer.headers.get("X-Request-ID"), "REQUEST")):
                text = text.replace(own, name) if own and own != headers.get("X-Request-ID") else text
            return re.sub(
                r'\d{4}-\d\d-\d\dT[\d:.]+Z|\'ms\': [\d.]+|again in \d+ s|"request_id":"(REQUEST|[0-9a-f]{16})"',
                "…",
                text,
            )

        if "again in" in body.decode():
            answer.headers["Retry-After"] = "until the limit allows another"

        return (
            answer.status,
            sorted((name, without_own(value)) for name, value in answer.headers if name != "Date"),
            without_own(body.decode()),
            [without_own(repr(line)) for line in lines],
            counted() - before,
        )

    def _records(self):
        return [record for record in self._caplog.records if record.name in ("web", "audit")]


def counted():
    """How many requests of each kind the metrics have counted."""
    samples = [sample for metric in REQUESTS.collect() for sample in metric.samples]
    return Counter(
        {tuple(sample.labels.values()): sample.value for sample in samples if sample.name.endswith("_count")}
    )


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


@WITH_OR_WITHOUT_LOGIN
@pytest.mark.parametrize("proxies", [0, 1])
def test_both_ways_answer_alike_whatever_a_header_says(two_ways, settings, proxies):
    ways = two_ways(trusted_proxies=proxies, **settings)

    assert ways.differences({name: {"headers": headers} for name, headers in HEADERS.items()}) == {}


@WITH_OR_WITHOUT_LOGIN
def test_both_ways_answer_alike_whatever_is_sent(two_ways, settings):
    ways = two_ways(**settings)

    assert ways.differences(REQUESTS_SENT) == {}


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
