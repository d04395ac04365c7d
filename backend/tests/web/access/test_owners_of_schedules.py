"""Schedules are changed by their owner and by operators, and each change leaves an audit line."""

from __future__ import annotations

import logging

import pytest

URL = "/api/v1/schedules"
DAILY = {"task": "echo", "every": "1d", "arguments": {"text": "a"}, "id": "daily"}


@pytest.fixture
def daily(bearer):
    """A schedule of ann."""
    return bearer("ann").post(URL, json=DAILY).json


def test_the_jobs_of_a_schedule_belong_to_its_owner(bearer, daily):
    assert daily["owner"] == "ann"
    assert bearer("ann").post(daily["links"]["run"]).json["owner"] == "ann"


def test_only_the_owner_and_operators_change_a_schedule(bearer, daily):
    address, answers = daily["links"]["self"], {}
    for name in ("vic", "bob", "ann", "ops"):
        caller = bearer(name)
        answers[name] = (
            caller.patch(address, json={"paused": True, "reason": "why"}).status_code,
            caller.post(daily["links"]["run"]).status_code,
            caller.post("/schedules/daily/resume").status_code,
            caller.get(address).status_code,
        )
    refused = bearer("bob").delete(address)

    assert answers == {
        "vic": (403, 403, 403, 200),
        "bob": (403, 403, 403, 200),
        **dict.fromkeys(("ann", "ops"), (200, 202, 303, 200)),
    }
    assert "Schedule daily belongs to ann." in refused.json["detail"]
    assert bearer("ops").delete(address).status_code == 204


def test_a_schedule_that_is_gone_is_a_404_for_everybody(bearer):
    assert [bearer(name).delete(f"{URL}/gone").status_code for name in ("ann", "ops")] == [404, 404]


def test_each_change_leaves_an_audit_line_that_names_the_schedule(bearer, caplog):
    with caplog.at_level(logging.INFO, "audit"):
        made = bearer("ann").post(URL, json=DAILY).json
        bearer("ann").patch(made["links"]["self"], json={"every": "2d"})
        bearer("ann").post("/schedules/daily/pause", data={"reason": ""})
        bearer("ann").delete(made["links"]["self"])

    lines = [record.fields for record in caplog.records if record.name == "audit"]
    whats = ["create_schedule", "change_schedule", "pause_schedule", "delete_schedule"]
    assert [(line["who"], line["what"], line["subject"]) for line in lines] == [
        ("ann", what, "daily") for what in whats
    ]
