"""The short way of a plain submit: nobody can tell it from Flask's by the answers."""

from __future__ import annotations

import pytest

ROUND_ABOUT = {"X-Anything": "a header that the short way does not know"}
OWN = ("id", "links", "created_at", "enqueued_at", "request_id")  # what differs from one request to the next


@pytest.fixture
def both(client, registry):
    """What a submit answers by the short way and by Flask's: status, headers, and JSON without what is its own."""

    def submit(task, body):
        for headers in ({}, ROUND_ABOUT):
            answer = client.post(
                f"/api/v1/tasks/{task}/jobs", data=body, content_type="application/json", headers=headers
            )
            shown = {name: value for name, value in answer.json.items() if name not in OWN}
            fixed = {name: value for name, value in answer.headers if name not in ("Location", "X-Request-ID")}
            yield answer.status, fixed, shown

    return submit


@pytest.mark.parametrize(
    ("task", "body", "status"),
    [
        ("echo", '{"text": "a"}', 202),
        ("echo", '{"text": 1}', 422),
        ("echo", "{", 400),
        ("echo", "[]", 400),
        ("echo", "", 422),
        ("nothing", "{}", 404),
    ],
)
def test_both_ways_answer_alike(both, task, body, status):
    short, flask = both(task, body)

    assert short == flask
    assert short[0].startswith(str(status))


def test_the_short_way_knows_the_prefix(client, registry):
    answer = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, base_url="http://localhost/desk")

    assert answer.headers["Location"] == answer.json["links"]["self"] == f"/desk/api/v1/jobs/{answer.json['id']}"


def test_the_short_way_is_counted_and_logged(client, registry, capsys):
    count = 'taskdesk_http_request_seconds_count{method="POST",route="/api/v1/tasks/<name>/jobs",status="202"}'

    def counted():
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(count))

    before = counted()
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})

    assert counted() == before + 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if "method=POST" in line]
    assert all(part in line for part in ("path=/api/v1/tasks/echo/jobs", "status=202", "request_id="))
