"""/readyz says what a submit would meet."""

from __future__ import annotations

import pytest

from taskdesk.jobs.keys import NOTHING
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings

ECHO = "/api/v1/tasks/echo/jobs"


def both(client):
    """The status of /readyz and of a submit."""
    return client.get("/readyz").status_code, client.post(ECHO, json={"text": "a"}).status_code


def test_a_desk_that_takes_jobs_is_ready_and_the_check_changes_nothing(client, redis):
    before = sorted(redis.keys())

    assert client.get("/readyz").status_code == 200
    assert sorted(redis.keys()) == before
    assert not redis.exists(NOTHING)
    assert both(client) == (200, 202)


def test_a_redis_whose_share_for_jobs_is_full_is_not_ready(client, leave):
    leave(0.95)

    assert client.get("/readyz").status_code == 503
    assert client.post(ECHO, json={"text": "a" * 100_000}).status_code == 503


def test_a_full_redis_is_not_ready(client, leave):
    leave(1.1)

    answer = client.get("/readyz")

    assert both(client) == (503, 503)
    assert answer.json["title"] == "Redis full"


def test_a_read_only_redis_is_not_ready(client, redis):
    redis.replicaof("127.0.0.1", "1")
    try:
        statuses = both(client)
    finally:
        redis.replicaof("NO", "ONE")

    assert statuses == (503, 503)


@pytest.mark.parametrize("right", ["-evalsha", "-setrange", "-@write", "-@scripting"])
def test_a_redis_that_refuses_the_script_is_not_ready_and_the_answer_has_no_secret(
    redis, redis_server, registry, tmp_path, right
):
    redis.acl_setuser("some", enabled=True, reset=True, passwords=["+a-secret"], keys=["*"], channels=["*"])
    redis.execute_command("ACL", "SETUSER", "some", "+@all", right)
    try:
        url = f"redis://some:a-secret@127.0.0.1:{redis_server.port}/0"
        client = create_app(WebSettings(redis_url=url, data_dir=tmp_path, _env_file=None)).test_client()
        answer = client.get("/readyz")
    finally:
        redis.acl_deluser("some")

    assert (answer.status_code, answer.json["title"]) == (503, "Not ready")
    assert "a-secret" not in answer.text


def test_a_user_without_the_right_to_see_the_memory_is_ready(redis, redis_server, registry, tmp_path):
    redis.execute_command("ACL", "SETUSER", "some", "reset", "on", ">a-secret", "~*", "&*", "+@all", "-info")
    try:
        url = f"redis://some:a-secret@127.0.0.1:{redis_server.port}/0"
        client = create_app(WebSettings(redis_url=url, data_dir=tmp_path, _env_file=None)).test_client()
        statuses = both(client)
    finally:
        redis.acl_deluser("some")

    assert statuses == (200, 202)
