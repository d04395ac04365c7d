"""Alerts by the API."""

from __future__ import annotations

import pytest

from taskdesk.jobs.alerts.evaluator import Evaluator
from taskdesk.jobs.keys import ALERTS_RULES
from tests.web.alert_desk import FILE, with_alerts

RULES = "/api/v1/alerts/rules"


@pytest.fixture
def web_settings(web_settings, tmp_path):
    return with_alerts(web_settings, tmp_path)


@pytest.fixture
def evaluate(client, redis):
    desk = client.application.extensions["desk"]
    return Evaluator(redis, desk.catalog, desk.alerts.file).evaluate


def test_what_fires_is_shown_with_its_page(client, evaluate, redis):
    evaluate()
    redis.hset("taskdesk:alerts", "evaluated", 0)

    shown = client.get("/api/v1/alerts").json

    [alert] = shown["data"]
    assert (alert["rule"], alert["title"], alert["page"]) == ("nobody", "No worker is online", "/workers")
    assert (alert["fired_at"], alert["notified"]) == (None, False)
    assert shown["faults"] == []


def test_a_rule_is_made_replaced_and_deleted(client):
    rule = {"when": "failures", "count": 20, "minutes": 10, "channels": ["ops"]}

    made = client.put(f"{RULES}/many", json=rule)
    replaced = client.put(f"{RULES}/many", json={**rule, "count": 5, "details": True})

    assert (made.status_code, replaced.status_code) == (201, 200)
    assert replaced.json["count"] == 5
    assert [(one["name"], one["source"]) for one in client.get(RULES).json["data"]] == [
        ("many", "desk"),
        ("nobody", "file"),
    ]
    assert client.delete(f"{RULES}/many").status_code == 204
    assert client.delete(f"{RULES}/many").status_code == 404


WRONG = [
    ({}, "/when"),
    ({"when": "never", "channels": ["ops"]}, "/when"),
    ({"when": 5, "channels": ["ops"]}, "/when"),
    ({"when": "worker-lost"}, "/channels"),
    ({"when": "worker-lost", "channels": []}, "/channels"),
    ({"when": "worker-lost", "channels": "ops"}, "/channels"),
    ({"when": "worker-lost", "channels": ["nothing"]}, "/channels"),
    ({"when": "worker-lost", "channels": ["ops"], "task": "a"}, "/task"),
    ({"when": "worker-lost", "channels": ["ops"], "colour": "red"}, "/colour"),
    ({"when": "failures", "channels": ["ops"]}, "/count"),
    ({"when": "failures", "channels": ["ops"], "count": 0}, "/count"),
    ({"when": "failures", "channels": ["ops"], "count": "9"}, "/count"),
    ({"when": "failures", "channels": ["ops"], "count": True}, "/count"),
    ({"when": "failures", "channels": ["ops"], "count": 1, "minutes": 61}, "/minutes"),
    ({"when": "failures", "channels": ["ops"], "count": 1, "task": "a", "queue": "b"}, "/queue"),
    ({"when": "queue-waits", "channels": ["ops"], "seconds": 9, "queue": "no queue"}, "/queue"),
    ({"when": "worker-lost", "channels": ["ops"], "details": "yes"}, "/details"),
]


@pytest.mark.parametrize(("rule", "pointer"), WRONG)
def test_a_wrong_rule_is_refused_with_a_pointer(client, redis, rule, pointer):
    answer = client.put(f"{RULES}/a", json=rule)

    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert redis.exists(ALERTS_RULES) == 0


@pytest.mark.parametrize("name", ["a b", "é", "x" * 65, "a:b"])
def test_a_rule_has_a_plain_name(client, name):
    answer = client.put(f"{RULES}/{name}", json={"when": "worker-lost", "channels": ["ops"]})

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/name")


def test_a_rule_of_the_file_is_changed_in_the_file(client):
    answers = [
        client.put(f"{RULES}/nobody", json={"when": "worker-lost", "channels": ["ops"]}),
        client.delete(f"{RULES}/nobody"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]


def test_there_is_an_end_to_the_number_of_rules(client, redis):
    rule = '{"when": "worker-lost", "channels": ["ops"]}'
    redis.hset(ALERTS_RULES, mapping={f"rule-{number}": rule for number in range(100)})

    assert client.put(f"{RULES}/more", json={"when": "worker-lost", "channels": ["ops"]}).status_code == 409
    assert client.put(f"{RULES}/rule-7", json={"when": "worker-lost", "channels": ["mail"]}).status_code == 200


def test_a_rule_is_silenced_for_a_time(client):
    shown = client.put(f"{RULES}/nobody/silence", json={"seconds": 3600, "reason": "a deploy"}).json

    assert (shown["silence_reason"], shown["silenced_until"] is None) == ("a deploy", False)
    assert client.delete(f"{RULES}/nobody/silence").status_code == 204
    assert client.get(RULES).json["data"][0]["silenced_until"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/seconds"),
        ({"seconds": 0}, "/seconds"),
        ({"seconds": 1.5}, "/seconds"),
        ({"seconds": True}, "/seconds"),
        ({"seconds": 10**9}, "/seconds"),
        ({"seconds": 9, "reason": 5}, "/reason"),
        ({"seconds": 9, "reason": "x" * 201}, "/reason"),
        ({"seconds": 9, "until": 5}, "/until"),
    ],
)
def test_a_wrong_silence_is_refused(client, body, pointer):
    answer = client.put(f"{RULES}/nobody/silence", json=body)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert client.put(f"{RULES}/nothing/silence", json={"seconds": 9}).status_code == 404


def test_channels_are_shown_without_their_secrets_and_can_be_tested(client):
    assert client.get("/api/v1/alerts/channels").json["data"] == [
        {"name": "ops", "kind": "webhook"},
        {"name": "mail", "kind": "mail"},
    ]

    sent = client.post("/api/v1/alerts/channels/ops/test")

    assert (sent.status_code, sent.json["status"], sent.json["event"]) == (202, "waiting", "test")
    assert client.get(f"/api/v1/alerts/messages/{sent.json['id']}").json == sent.json
    assert client.get("/api/v1/alerts/messages").json["data"] == [sent.json]
    client.post("/api/v1/alerts/channels/ops/test")
    assert len(client.get("/api/v1/alerts/messages").json["data"]) == 2
    assert len(client.get("/api/v1/alerts/messages?limit=1").json["data"]) == 1
    for wrong in ("limit=x", "limit=0", "limit=1&limit=2"):
        refused = client.get(f"/api/v1/alerts/messages?{wrong}")
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/limit")
    assert client.post("/api/v1/alerts/channels/nothing/test").status_code == 404
    assert client.get("/api/v1/alerts/messages/nothing").status_code == 404


def test_no_answer_and_no_page_shows_a_secret(client):
    client.post("/api/v1/alerts/channels/ops/test")

    for path in ("", "/rules", "/channels", "/messages"):
        assert "secret" not in client.get(f"/api/v1/alerts{path}").text
    assert "secret" not in client.get("/alerts").text


def test_a_task_that_names_an_unknown_channel_says_so(client, registry, redis):
    from taskdesk.jobs.catalog import announce

    spec = registry.catalog.tasks["echo"].model_copy(update={"notify": "nothing"})
    announce(redis, registry.catalog.model_copy(update={"tasks": {**registry.catalog.tasks, "echo": spec}}))

    [rule] = [one for one in client.get(RULES).json["data"] if one["source"] == "task"]

    assert (rule["name"], rule["task"]) == ("task:echo", "echo")
    assert rule["fault"] == "There is no usable channel nothing. The channels of ALERTS_FILE: ops, mail."
    assert rule["fault"] in client.get("/alerts").text


def test_faults_of_the_file_are_shown(web_settings, tmp_path, registry):
    from taskdesk.web.application import create_app

    settings = with_alerts(web_settings, tmp_path, FILE.replace('host = "smtp.example.org"', "hoost = 5"))
    client = create_app(settings).test_client()

    faults = client.get("/api/v1/alerts").json["faults"]

    assert len(faults) == 2
    assert "channels.mail.host: it is missing" in faults[0]
    assert "channels.mail.hoost: there is no such field" in client.get("/alerts").text
