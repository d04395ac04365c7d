"""Operators look up who did what, and when. Redis keeps a bounded number of lines."""

from __future__ import annotations

import re

import pytest

from taskdesk.service import audit
from taskdesk.service.audit import AUDIT_KEY, keep_audit
from tests.web.access.people import ECHO, HTML, job_of, log_in


@pytest.fixture
def ops(bearer):
    return bearer("ops")


def lines(client, **query):
    return client.get("/api/v1/audit", query_string=query).json["data"]


def test_a_write_is_listed_also_a_refused_one_but_no_submit(bearer, ops):
    job_id = job_of(bearer("ann"))
    bearer("ann").post(f"/api/v1/jobs/{job_id}/cancel")
    bearer("vic").patch("/api/v1/queues/low", json={"paused": True})

    newest, oldest = lines(ops)

    assert (newest["who"], newest["what"], newest["subject"], newest["status"]) == ("vic", "change_queue", "low", 403)
    assert (oldest["who"], oldest["token"], oldest["subject"]) == ("ann", "test", job_id)
    assert oldest["status"] < 300


def test_a_failed_login_is_listed_and_other_writes_without_a_login_are_not(client, ops):
    log_in(client, "ann", "wrong password")
    client.post(ECHO, json={"text": "a"})
    client.post("/api/v1/users", json={"name": "eve"})

    [line] = lines(ops)

    assert (line["who"], line["what"], line["subject"], line["status"]) == ("", "log_in", "ann", 401)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"who": "ann"}, ["b", "a"]),
        ({"what": "two"}, ["c", "b"]),
        ({"who": "ann", "what": "two"}, ["b"]),
        ({"subject": "c"}, ["c"]),
        ({"since": "1h"}, ["c", "b", "a"]),
        ({"until": "1h"}, []),
        ({"who": "nobody"}, []),
    ],
)
def test_filters_are_combined(redis, ops, query, found):
    for who, what, subject in (("ann", "one", "a"), ("ann", "two", "b"), ("bob", "two", "c")):
        keep_audit(redis, who, what, subject)

    assert [line["subject"] for line in lines(ops, **query)] == found


def test_pages_follow_each_other_without_gap_or_repetition(redis, ops, signed_in):
    for number in range(7):
        keep_audit(redis, "ann", "one", str(number))
    seen, cursor = [], None
    for _ in range(3):
        answer = ops.get(
            "/api/v1/audit", query_string={"limit": 3, "who": "ann", **({"cursor": cursor} if cursor else {})}
        )
        seen += [line["subject"] for line in answer.json["data"]]
        cursor = answer.json["next_cursor"]
    page = signed_in("ops").get("/audit?limit=3&who=ann", headers=HTML).text

    assert (seen, cursor) == (list("6543210"), None)
    assert "Older" in page


@pytest.mark.parametrize("query", [{"since": "yesterday"}, {"cursor": "x"}, {"limit": "0"}, {"wo": "ann"}])
def test_a_wrong_query_is_refused_on_page_and_api(ops, signed_in, query):
    assert ops.get("/api/v1/audit", query_string=query).status_code == 422
    assert signed_in("ops").get("/audit", query_string=query, headers=HTML).status_code == 422


def test_the_number_and_the_length_of_lines_are_bounded(redis, monkeypatch):
    monkeypatch.setattr(audit, "MAX_KEPT", 100)
    for _ in range(300):
        keep_audit(redis, "ann", "one", "x" * 5_000)

    assert redis.xlen(AUDIT_KEY) <= 200
    assert len(redis.xrange(AUDIT_KEY, count=1)[0][1][b"subject"]) == 200


def test_a_hostile_line_is_shown_as_text(redis, signed_in):
    keep_audit(redis, "<b>x</b>", "one", "\x1b[31m<script>")
    redis.xadd(AUDIT_KEY, {"status": "many", b"\xff": b"\xff"})

    page = signed_in("ops").get("/audit", headers=HTML)

    assert page.status_code == 200
    assert re.search("&lt;b&gt;x", page.text)


def test_only_operators_see_it(bearer):
    assert [bearer(name).get("/audit", headers=HTML).status_code for name in ("vic", "ann", "ops")] == [403, 403, 200]
