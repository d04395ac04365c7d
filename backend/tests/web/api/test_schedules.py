"""Schedules by the API."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from taskdesk.jobs.keys import SCHEDULES, TROUBLED_SCHEDULES
from taskdesk.jobs.schedules import store

URL = "/api/v1/schedules"
DAILY = {"task": "echo", "every": "15 6 * * 1-5", "zone": "Europe/Berlin", "arguments": {"text": "a"}}


@pytest.fixture
def daily(client):
    return client.post(URL, json={**DAILY, "id": "daily"}).json


def test_a_schedule_is_created_shown_listed_and_deleted(client, daily):
    address = daily["links"]["self"]

    assert address == f"{URL}/daily"
    assert client.get(address).json == daily
    assert client.get(URL).json == {"data": [daily], "total": 1, "next_cursor": None}
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    assert client.delete(address).status_code == 404


def test_a_schedule_names_its_next_five_slots_in_its_own_zone(daily):
    first = daily["next"][0]

    assert daily["next_at"] == first["at"]
    assert datetime.fromisoformat(first["local"]).strftime("%H:%M") == "06:15"
    assert datetime.fromisoformat(first["local"]) == datetime.fromisoformat(first["at"])
    assert len(daily["next"]) == 5


def test_the_location_of_a_new_schedule_is_its_address(client):
    made = client.post(URL, json=DAILY)

    assert (made.status_code, made.headers["Location"]) == (201, made.json["links"]["self"])
    assert client.post(URL, json={**DAILY, "id": made.json["id"]}).status_code == 409


def test_a_body_that_is_no_object_is_refused_without_a_word_of_arguments(client):
    refused = client.post(URL, json=[DAILY])

    assert refused.status_code == 400
    assert refused.json["detail"] == 'The body has to be a JSON object, such as {"name": "value"}.'


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"every": "0 0 30 2 *"}, "/every"),
        ({"every": "* " * 5000}, "/every"),
        ({"every": "99 * * * *"}, "/every"),
        ({"arguments": {"text": 5}}, "/arguments/text"),
        ({"task": ["echo"]}, "/task"),
        ({"id": "a b"}, "/id"),
        ({"id": 5}, "/id"),
    ],
)
def test_a_wrong_field_is_a_422_with_a_pointer(client, redis, wrong, pointer):
    answer = client.post(URL, json={**DAILY, **wrong})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert not redis.exists(SCHEDULES)


def test_a_preview_says_when_a_time_does_not_exist_and_creates_nothing(client, redis):
    fields = {"every": "30 2 29 3 *", "zone": "Europe/Berlin", "start": "2026-12-01T00:00:00Z"}

    shown = client.post(f"{URL}:preview", json=fields).json["next"]

    remarks = [one["remark"] for one in shown if one["remark"]]
    assert remarks == []  # in none of the next five years is the 29th the night of the change
    fields = {"every": "30 2 28 3 *", "zone": "Europe/Berlin", "start": "2026-12-01T00:00:00Z"}
    [first, *_] = client.post(f"{URL}:preview", json=fields).json["next"]
    assert first["remark"] == "02:30 does not exist on this day: the clock goes forward. The job runs at 03:00."
    assert not redis.exists(SCHEDULES)
    assert client.post(f"{URL}:preview", json={"every": "x"}).json["errors"][0]["pointer"] == "/every"


def test_a_change_and_a_pause(client, daily):
    address = daily["links"]["self"]

    changed = client.patch(address, json={"every": "10m", "paused": True, "reason": "the supplier is away"}).json
    resumed = client.patch(address, json={"paused": False}).json

    assert (changed["every"], changed["next_at"], changed["next"]) == ("10m", None, [])
    assert changed["paused"]["reason"] == "the supplier is away"
    assert resumed["paused"] is None
    assert resumed["next_at"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"every": "x"}, "/every"),
        ({"paused": "yes"}, "/paused"),
        ({"reason": "why"}, "/reason"),
        ({"paused": True, "reason": 5}, "/reason"),
        ({"paused": True, "reason": "a" * 201}, "/reason"),
        ({"id": "other"}, "/id"),
        ({"task": "unknown"}, "/task"),
        ({"arguments": {}}, "/arguments/text"),
    ],
)
def test_a_wrong_change_changes_nothing(client, daily, wrong, pointer):
    answer = client.patch(daily["links"]["self"], json=wrong)

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert client.get(daily["links"]["self"]).json == daily


def test_run_now_answers_with_the_job(client, daily):
    answer = client.post(daily["links"]["run"])

    assert answer.status_code == 202
    assert answer.json["input"] == {"text": "a", **({"times": 1} if "times" in answer.json["input"] else {})}
    assert client.get(daily["links"]["jobs"]).json["data"][0]["id"] == answer.json["id"]


def test_the_list_has_pages(client):
    for n in range(5):
        client.post(URL, json={**DAILY, "id": f"s{n}", "every": f"{n} 6 * * *"})

    first = client.get(URL, query_string={"limit": 3})
    rest = client.get(URL, query_string={"limit": 3, "cursor": first.json["next_cursor"]}).json

    ids = [one["id"] for one in first.json["data"] + rest["data"]]
    assert (ids, rest["next_cursor"]) == ([f"s{n}" for n in range(5)], None)
    assert 'rel="next"' in first.headers["Link"]
    assert client.get(URL, query_string={"cursor": "x"}).status_code == 422


def test_secret_arguments_are_shown_nowhere(client, registry):
    task = next(name for name, spec in registry.catalog.tasks.items() if spec.secret_parameters)
    secret = next(iter(registry.catalog.tasks[task].secret_parameters))
    required = registry.catalog.tasks[task].input_schema.get("required", [])
    arguments = dict.fromkeys({*required, secret}, "hush")

    answer = client.post(URL, json={"task": task, "every": "1d", "arguments": arguments})

    assert answer.status_code == 201, answer.json
    assert "hush" not in answer.json["arguments"].get(secret, "")
    assert answer.json["arguments"][secret] == "**********"


def test_a_damaged_schedule_is_a_409_and_can_be_deleted(client, daily, redis):
    redis.hset("taskdesk:schedule:daily", "definition", "{")

    assert client.get(daily["links"]["self"]).status_code == 409
    assert client.get(URL).json["data"] == []
    assert client.delete(daily["links"]["self"]).status_code == 204


def test_an_unknown_field_is_refused_with_the_fields_that_there_are(client, daily):
    made = client.post(URL, json={**DAILY, "color": "red"})
    changed = client.patch(daily["links"]["self"], json={"color": "red"})

    [create], [change] = made.json["errors"], changed.json["errors"]
    assert (create["pointer"], change["pointer"]) == ("/color", "/color")
    assert create["detail"].endswith(", queue, tags, id.")
    assert change["detail"].endswith(", queue, tags, paused, reason.")


def test_a_schedule_too_many_is_refused_and_the_others_can_be_changed(client, daily, monkeypatch):
    monkeypatch.setattr(store, "MAX_SCHEDULES", 1)

    refused = client.post(URL, json={**DAILY, "id": "other"})

    assert refused.status_code == 409
    assert refused.json["detail"] == "There are 1 schedules already, and there may be no more. Delete some first."
    assert client.post(URL, json={**DAILY, "id": "daily"}).json["title"] == "Schedule exists"
    assert client.patch(daily["links"]["self"], json={"queue": "low"}).status_code == 200
    assert client.get(URL).json["total"] == 1


def test_a_schedule_whose_last_slot_could_not_run_is_late(client, daily, redis):
    assert daily["late"] is False
    redis.zadd(TROUBLED_SCHEDULES, {"daily": time.time() - 70})

    assert client.get(daily["links"]["self"]).json["late"] is True
    assert client.get(URL).json["data"][0]["late"] is True
