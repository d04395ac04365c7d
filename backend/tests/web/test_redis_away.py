"""While Redis is away every call of the API answers 503 within a second or so, and says when to come again."""

from __future__ import annotations

import re
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from taskdesk.jobs.keys import JOBS
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings
from tests.conftest import free_port
from tests.refusals import refusing

BODIES = {
    "PUT": {"seconds": 5},
    "PATCH": {"paused": True},
    "POST": {"action": "keep", "filter": {}, "expected_count": 0},
}
WITHOUT_REDIS = "/api/v1/(alerts/channels$|users|tokens|audit)"  # of the last three: as there are no logins
OWN_BODIES = {
    "retry_failure": {"expected_count": 0},
    "switch_on_webhook": {"url": "https://app.example.org/hooks"},
    "save_preset": {"input": {}},
    "move_job": {"queue": "default"},
    "reschedule_job": {"at": (datetime.now(UTC) + timedelta(days=1)).isoformat()},
}


def application(port, tmp_path, **settings):
    return create_app(
        WebSettings(redis_url=f"redis://127.0.0.1:{port}/0", data_dir=tmp_path, _env_file=None, **settings)
    )


def calls(app):
    """Every method and path of the API, with a body that can be read, and ids as there may be."""
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            if rule.rule.startswith("/api/v1") and not re.match(WITHOUT_REDIS, rule.rule):
                path = re.sub(r"<\w+>", "default", rule.rule.replace("<cause_id>", "0" * 12))
                yield method, path, OWN_BODIES.get(rule.endpoint.rpartition(".")[2], BODIES.get(method))


def assert_away(app, method, path, body, headers=None):
    began = time.monotonic()
    answer = app.test_client().open(path, method=method, json=body, headers=headers)
    assert (answer.status_code, answer.content_type, answer.json["title"]) == (
        503,
        "application/problem+json",
        "Queue unavailable",
    ), (method, path, answer.text)
    assert answer.headers["Retry-After"] == "5"
    assert time.monotonic() - began < 10, (method, path)


def test_nobody_listens(tmp_path):
    app = application(free_port(), tmp_path)

    for method, path, body in calls(app):
        assert_away(app, method, path, body)


@pytest.mark.parametrize("headers", [{}, {"X-Anything": "a header that the fast path does not know"}])
def test_nobody_listens_and_a_token_can_not_be_looked_up(tmp_path, headers):
    app = application(free_port(), tmp_path, auth=True, secret_key="a-secret-of-more-than-32-bytes-for-tests")

    assert_away(app, "POST", "/api/v1/tasks/echo/jobs", {}, {"Authorization": "Bearer td_some", **headers})


def test_redis_hangs(tmp_path):
    """As when its machine is stopped: it accepts connections and does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        app = application(black_hole.getsockname()[1], tmp_path)
        failures: list[AssertionError] = []

        def call(method, path, body):
            try:
                assert_away(app, method, path, body)
            except AssertionError as error:
                failures.append(error)

        threads = [threading.Thread(target=call, args=its) for its in calls(app)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []


def test_a_write_that_is_not_counted_in_redis_leaves_a_sentence_and_no_traceback(tmp_path, caplog):
    away = application(free_port(), tmp_path, rate_limit="1000/minute")

    assert away.test_client().post("/api/v1/tasks/echo/jobs", json={}).status_code == 503

    [record] = [record for record in caplog.records if "limit" in record.getMessage()]
    assert record.getMessage().startswith("A request is counted for its limit by this process alone, not in Redis: ")
    assert record.exc_info is None


@pytest.mark.parametrize("header", ["Prefer", "Idempotency-Key"])
def test_a_submit_that_can_not_be_stored_is_not_lost_in_waiting(header, post_away):
    answer = post_away({header: "wait=30"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.fixture
def post_away(client, redis_server):
    """Submit while Redis is away, though the web knows the task."""
    assert client.get("/api/v1/tasks/echo").status_code == 200

    def post(headers):
        redis_server.stop()
        try:
            return client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=headers)
        finally:
            redis_server.start()

    return post


@pytest.mark.parametrize("code", ["READONLY", "BUSY", "NOAUTH"])
def test_a_redis_that_refuses_commands_for_now_counts_as_away(client, redis_url, code):
    assert client.get("/api/v1/tasks/echo").status_code == 200  # it has to be asked once
    with Redis.from_url(redis_url, single_connection_client=True) as operator, refusing(operator, code):
        answer = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})

    assert (answer.status_code, answer.json["title"], answer.headers["Retry-After"]) == (503, "Queue unavailable", "5")
    assert client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).status_code == 202


def test_a_command_that_redis_will_never_accept_is_a_bug(web_settings, redis):
    redis.set(JOBS, "no sorted set")

    answer = create_app(web_settings).test_client().get("/api/v1/jobs")

    assert (answer.status_code, answer.json["title"]) == (500, "Unexpected error")
