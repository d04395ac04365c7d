"""The commands about alerts."""

from __future__ import annotations

import json
import sys
import threading

import pytest

from taskdesk.jobs.alerts.courier import Courier
from taskdesk.jobs.alerts.file import parse_alerts_file

FILE = '[channels.ops]\nkind = "slack"\nurl = "http://127.0.0.1:1/secret"\n'


@pytest.fixture
def alerts(run, tmp_path):
    (tmp_path / "alerts.toml").write_text(FILE)
    return lambda *arguments: run("alerts", *arguments, ALERTS_FILE=str(tmp_path / "alerts.toml"))


def test_a_rule_is_made_listed_silenced_and_deleted(alerts):
    made = alerts("add", "many", "--when", "failures", "--count", "5", "--channel", "ops", "--details")
    assert (made.exit_code, made.stderr) == (0, "Rule many is made.\n")
    assert "many\tfailures\tops\tdesk\t0\t\t" in alerts("rules").stdout
    assert json.loads(alerts("rules", "--json").stdout)["data"][0]["details"] is True

    assert alerts("silence", "many", "2h", "--reason", "a deploy").stderr == "Rule many is silenced for 2h.\n"
    assert json.loads(alerts("rules", "--json").stdout)["data"][0]["silence_reason"] == "a deploy"
    assert alerts("silence", "many", "0s").exit_code == 0

    assert alerts("remove", "many").stderr == "Rule many is deleted.\n"
    assert alerts("remove", "many").exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (("add", "a", "--when", "failures", "--channel", "ops"), "count: A rule of failures needs it.", 2),
        (("add", "a", "--when", "worker-lost", "--channel", "x"), "channels: There is no usable channel x.", 2),
        (("silence", "nothing", "1h"), "There is no rule 'nothing'.", 4),
        (("silence", "nothing", "soon"), "Must be a number with s, m, h or d", 2),
        (("test", "nothing"), "ALERTS_FILE has no usable channel 'nothing'.", 4),
    ],
)
def test_a_wrong_command_is_refused_with_a_sentence(alerts, arguments, said, status):
    done = alerts(*arguments)

    assert said in done.stderr
    assert done.exit_code == status


def test_nothing_fires_at_first(alerts):
    assert alerts().stdout == "RULE\tSTATE\tSINCE (UTC)\tALERT\n"
    assert json.loads(alerts("--json").stdout) == {"data": []}
    assert alerts("channels").stdout == "CHANNEL\tKIND\nops\tslack\n"
    assert json.loads(alerts("messages", "--json").stdout) == {"data": []}


def test_faults_of_the_file_are_said(alerts, tmp_path):
    (tmp_path / "alerts.toml").write_text("[channels.a]\n")

    assert "channels.a.kind: it is missing" in alerts("channels").stderr


def test_a_test_waits_for_its_message_and_says_what_was_wrong(alerts, redis):
    ended = threading.Event()

    def send():
        while not ended.wait(0.05):
            Courier(redis, parse_alerts_file(FILE)).send_due()

    thread = threading.Thread(target=send)
    thread.start()
    done = alerts("test", "ops")
    ended.set()
    thread.join()

    assert done.exit_code == 1
    assert done.stderr.startswith("Channel ops did not take the message. The connection failed: Connection refused")
    assert "secret" not in done.stderr
    assert "ops\twaiting\ttest" in alerts("messages").stdout


def test_a_test_says_if_nobody_sends(alerts, monkeypatch):
    monkeypatch.setattr(sys.modules["taskdesk.cli.alerts"], "TEST_SECONDS", 0)

    done = alerts("test", "ops")

    assert (done.exit_code, done.stderr.startswith("Nobody has sent the message yet.")) == (1, True)
