"""The page of the alerts, without JavaScript."""

from __future__ import annotations

import pytest

from taskdesk.jobs.alerts.evaluator import Evaluator
from tests.web.alert_desk import with_alerts


@pytest.fixture
def web_settings(web_settings, tmp_path):
    return with_alerts(web_settings, tmp_path)


def test_what_fires_the_rules_and_the_channels_are_shown(client, page, redis):
    desk = client.application.extensions["desk"]
    Evaluator(redis, desk.catalog, desk.alerts.file).evaluate()

    text = page("/alerts")

    assert "Firing now No worker is online begins" in text
    assert "nobody No worker: For seconds , no worker serves the queue ." in text
    assert "ops webhook Test mail mail Test" in text
    assert "No message was sent in the last week." in text


def test_a_rule_is_made_by_the_form_and_deleted(client, page):
    form = {"name": "many", "when": "failures", "count": "20", "minutes": "", "channels": "ops", "task": "echo"}

    answer = client.post("/alerts/rules", data=form)

    assert (answer.status_code, answer.location) == (303, "/alerts#rules")
    assert "Watches 20 failures in 15 min, task echo Notifies ops" in page("/alerts")
    client.post("/alerts/rules/many/delete")
    assert "many" not in page("/alerts")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "Must be 1 to 64 letters"),
        ({"count": "many"}, "It has to be a whole number."),
        ({"count": ""}, "A rule of failures needs it."),
        ({"channels": "a b"}, "It has characters that are not allowed here."),
        ({"when": "worker-lost"}, "A rule of worker-lost has no count: remove it."),
        ({"count": "²"}, "It has to be a whole number."),
    ],
)
def test_a_wrong_form_comes_again_with_what_was_typed(client, change, said):
    form = {"name": "many", "when": "failures", "count": "20", "channels": "ops", "task": "<b>echo", **change}

    answer = client.post("/alerts/rules", data=form)

    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="&lt;b&gt;echo"' in answer.text


def test_a_rule_is_silenced_and_the_silence_is_ended(client, page):
    client.post("/alerts/rules/nobody/silence", data={"seconds": "3600", "reason": "a deploy"})
    assert "Silenced until" in page("/alerts")
    assert "a deploy" in page("/alerts")

    client.post("/alerts/rules/nobody/silence", data={"seconds": "0"})
    assert "Silenced until" not in page("/alerts")
    assert client.post("/alerts/rules/nobody/silence", data={"seconds": "5"}).status_code == 422


def test_a_channel_is_tested(client, page):
    assert client.post("/alerts/channels/ops/test").location == "/alerts#messages"

    assert "Test: This is a test of the channel ops waiting" in page("/alerts")


def test_without_a_file_the_page_says_what_to_do(client, page):
    client.application.extensions["desk"].alerts.file = type(client.application.extensions["desk"].alerts.file)()

    assert "No channel is set up, so no messages are sent." in page("/alerts")
    assert "Add a rule" not in page("/alerts")
