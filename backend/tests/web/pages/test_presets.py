"""Presets on the form of a task, without JavaScript, and by the API."""

from __future__ import annotations

import json
import re

from taskdesk.jobs.keys import presets_key

API = "/api/v1/tasks/every_kind/presets"


def test_what_is_filled_in_is_saved_and_fills_the_form_again(client):
    client.get("/tasks/echo")
    saved = client.post("/tasks/echo/presets", data={"text": 'a "b"', "-preset": " Small (1) ", "-queue": "low"})

    assert (saved.status_code, saved.location) == (303, "/tasks/echo?-preset=Small+(1)")
    page = client.get(saved.location).text
    assert "a &#34;b&#34;" in page
    assert 'href="/tasks/echo?-preset=Small+(1)"' in page
    assert "Delete the preset Small (1)" in page
    assert client.get("/api/v1/tasks/echo/presets").json["data"][0]["input"] == {"text": 'a "b"'}
    client.post("/tasks/echo/presets/Small (1)/delete")
    assert "Small (1)" not in client.get("/tasks/echo").text


def test_a_name_that_is_refused_is_said_at_its_field_and_nothing_typed_is_lost(client):
    answer = client.post("/tasks/echo/presets", data={"text": "typed", "-preset": "a/b"})

    assert answer.status_code == 422
    assert "typed" in answer.text
    assert re.search(r'<details class="presets" open>', answer.text)
    assert "A name has 1 to 60 letters" in answer.text


def test_the_enter_key_in_the_field_of_the_name_runs_nothing(client):
    answer = client.post("/tasks/echo", data={"text": "typed", "-preset": "small"})

    assert answer.status_code == 422
    assert "press Save preset" in answer.text
    assert client.get("/api/v1/jobs").json["data"] == []


def test_the_api_saves_lists_and_deletes_presets(client):
    saved = client.put("/api/v1/tasks/echo/presets/small", json={"input": {"text": "x"}})
    again = client.put(saved.json["links"]["self"], json={"input": {"text": "y"}})

    assert (saved.status_code, again.json["input"], again.json["owner"]) == (200, {"text": "y"}, None)
    assert [one["name"] for one in client.get("/api/v1/tasks/echo/presets").json["data"]] == ["small"]
    assert client.delete("/api/v1/tasks/echo/presets/small").status_code == 204
    assert client.delete("/api/v1/tasks/echo/presets/small").status_code == 404


def test_a_wrong_body_of_the_api_is_named(client):
    for body in ({}, {"input": 1}, {"input": {}, "x": 1}):
        assert client.put("/api/v1/tasks/echo/presets/small", json=body).json["errors"][0]["pointer"] == "/input"
    wrong = client.put("/api/v1/tasks/echo/presets/small", json={"input": {"text": 5}})
    assert wrong.json["errors"][0]["pointer"] == "/text"
    assert client.put("/api/v1/tasks/nothing/presets/small", json={"input": {}}).status_code == 404


def test_a_preset_of_a_secret_has_neither_its_value_nor_one_from_before_it_was_a_secret(client, redis):
    client.post("/tasks/takes_a_password/presets", data={"password": "hunter2", "-preset": "mine"})
    redis.hset(presets_key("takes_a_password"), "old", _stored({"password": "hunter3"}))

    assert client.get("/api/v1/tasks/takes_a_password/presets").json["data"][0]["input"] == {}
    assert b"hunter2" not in redis.hget(presets_key("takes_a_password"), "mine")
    assert "hunter3" not in client.get("/api/v1/tasks/takes_a_password/presets").text
    assert "hunter3" not in client.get("/tasks/takes_a_password?-preset=old").text


def test_what_the_task_no_longer_takes_is_left_out_and_what_it_takes_otherwise_is_shown_and_refused(client, redis):
    redis.hset(presets_key("echo"), "old", _stored({"text": "kept", "times": ["many"], "gone": 1}))

    page = client.get("/tasks/echo?-preset=old")

    assert page.status_code == 200
    assert "kept" in page.text
    assert "[&#34;many&#34;]" in page.text
    assert "gone" not in page.text
    assert client.post("/tasks/echo", data={"text": "kept", "times": '["many"]'}).status_code == 422


def test_a_preset_that_does_not_exist_fills_in_nothing_and_deleting_it_twice_is_no_error(client):
    client.post("/tasks/echo/presets", data={"text": "typed", "-preset": "once"})

    assert [client.post("/tasks/echo/presets/once/delete").status_code for _ in range(2)] == [303, 303]
    assert "typed" not in client.get("/tasks/echo?-preset=once").text


def test_what_was_typed_stays_when_redis_goes_away(client, redis_server):
    client.get("/tasks/echo")
    redis_server.stop()
    try:
        page = client.post("/tasks/echo/presets", data={"text": "precious words", "-preset": "small"})
    finally:
        redis_server.start()

    assert page.status_code == 503
    assert "precious words" in page.text


def _stored(values):
    return b"\n" + json.dumps({"input": values, "changed_at": "2026-11-30T12:00:00+00:00"}).encode()
