"""Schedules on the command line."""

from __future__ import annotations

import json

import pytest

from taskdesk.jobs.keys import SCHEDULES


@pytest.fixture
def add(run):
    def add(*arguments: str) -> str:
        done = run("schedules", "add", "echo", "15 6 * * 1-5", "text=a", "--zone", "Europe/Berlin", *arguments)
        assert done.exit_code == 0, done.stderr
        return done.stdout.strip()

    return add


def shown(run, schedule_id: str) -> dict:
    return json.loads(run("schedules", "show", schedule_id, "--json").stdout)


def test_a_schedule_is_added_listed_shown_changed_and_deleted(run, add):
    assert add("--id", "daily", "--tag", "a", "--jitter", "60", "--missed", "all", "--queue", "low") == "daily"
    assert shown(run, "daily")["arguments"] == {"text": "a"}
    assert run("schedules").stdout.splitlines()[1].startswith("daily\techo\t15 6 * * 1-5\tEurope/Berlin\t")

    changed = run("schedules", "change", "daily", "--every", "10m", "text=b", "times=2", "--json")

    assert json.loads(changed.stdout)["arguments"] == {"text": "b", "times": 2}
    assert (shown(run, "daily")["every"], shown(run, "daily")["jitter"], shown(run, "daily")["tags"]) == (
        "10m",
        60,
        ["a"],
    )
    assert "NEXT (UTC)" in run("schedules", "show", "daily").stdout
    assert run("schedules", "delete", "daily").exit_code == 0
    assert run("schedules", "show", "daily").exit_code == 4


def test_a_pause_has_its_reason(run, add):
    schedule_id = add()

    run("schedules", "pause", schedule_id, "--reason", "holidays")
    assert "paused: holidays" in run("schedules").stdout

    assert json.loads(run("schedules", "resume", schedule_id, "--json").stdout)["paused"] is None


def test_run_now_prints_the_id_of_the_job(run, add):
    job_id = run("schedules", "run", add()).stdout.strip()

    [job] = json.loads(run("list", "--json").stdout)["data"]
    assert job["id"] == job_id


def test_a_preview_creates_nothing(run, redis):
    following = json.loads(run("schedules", "preview", "30 2 * * *", "--zone", "Europe/Berlin", "--json").stdout)[
        "next"
    ]

    assert len(following) == 5
    assert run("schedules", "preview", "10m").stdout.count("\n") == 6
    assert not redis.exists(SCHEDULES)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "echo", "61 * * * *", "text=a"), "every: Must be a cron string"),
        (("add", "echo", "10m", "text=a", "--zone", "Mars"), "zone: Must be the name of a time zone"),
        (("add", "echo", "10m", "times=x", "text=a"), "arguments/times: "),
        (("add", "echo", "10m"), "arguments/text: "),
        (("add", "echo", "10m", "text=a", "--jitter", "soon"), "jitter: Must be a number with s, m, h or d"),
        (("preview", "x"), "every: Must be a cron string"),
    ],
)
def test_what_is_wrong_is_named(run, arguments, sentence):
    done = run("schedules", *arguments)

    assert done.exit_code == 2
    assert sentence in done.stderr


def test_an_unknown_task_is_status_4_or_named(run):
    assert run("schedules", "add", "unknown", "10m", "text=a").exit_code == 4
    assert run("schedules", "run", "unknown").exit_code == 4
