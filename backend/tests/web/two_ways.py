"""Submits that vary all that a rule looks at, and the application with and without its fast path."""

from __future__ import annotations

import gzip
import re
from collections import Counter

from taskdesk.web import application, fast_path
from taskdesk.web.exchange import Exchange
from taskdesk.web.metrics.process_metrics import REQUESTS
from tests.web.access.people import ECHO

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
        return [record for record in self._caplog.records if record.name in ("web", "http", "audit")]


def counted():
    """How many requests of each kind the metrics have counted."""
    samples = [sample for metric in REQUESTS.collect() for sample in metric.samples]
    return Counter(
        {tuple(sample.labels.values()): sample.value for sample in samples if sample.name.endswith("_count")}
    )
