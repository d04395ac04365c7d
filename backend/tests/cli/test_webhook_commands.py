"""The commands about webhooks."""

from __future__ import annotations

import json

from taskdesk.jobs.deliveries import CLAIM, SETTLE_DELIVERY, Message, attempt_json, send
from taskdesk.service.outbound import receiver_of

URL = "https://app.test/hooks"


def fail(redis, job_id, off=""):
    send(redis, Message(URL, b"{}", job_id, "job.succeeded", id="one"))
    CLAIM(redis, 32, 30)
    settled = ["one", receiver_of(URL), "failed", attempt_json("No.", 410, 0.08), 0, 0.08, "No.", 0, off]
    SETTLE_DELIVERY(redis, *settled, attempt_json("late"))


def test_a_job_is_submitted_with_a_webhook(run, submitted):
    job_id = submitted("echo", "text=a", "--webhook", URL)

    assert json.loads(run("webhook", "log", job_id, "--json").stdout) == {"data": []}
    assert run("submit", "echo", "text=a", "--webhook", "ftp://x").exit_code == 2


def test_deliveries_are_listed_and_sent_again(run, submitted, redis):
    job_id = submitted("echo", "text=a", "--webhook", URL)
    fail(redis, job_id)

    assert "one\tfailed" in run("webhook", "log", job_id).stdout
    assert run("webhook", "redeliver", job_id).exit_code == 0
    assert "one\twaiting" in run("webhook", "log", job_id).stdout
    assert run("webhook", "redeliver", job_id, "two").exit_code == 4
    assert run("webhook", "redeliver", submitted("echo", "text=a")).exit_code == 4
    assert run("webhook", "log", "unknown").exit_code == 4


def test_an_address_is_switched_on(run, submitted, redis):
    job_id = submitted("echo", "text=a", "--webhook", URL)
    fail(redis, job_id, off=URL)

    assert json.loads(run("webhook", "status", "--json").stdout)["switched_off"][0]["url"] == URL
    assert URL in run("webhook", "status").stderr
    assert run("webhook", "redeliver", job_id).exit_code == 1
    assert run("webhook", "switch-on", URL).exit_code == 0
    assert run("webhook", "switch-on", URL).exit_code == 2
