"""`taskdesk submit`, with a real Redis."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest


def test_a_job_is_submitted_run_and_its_result_printed(run, submitted, run_worker):
    job_id = submitted("echo", "text=ab", "times=2")
    run_worker()

    assert run("watch", job_id).exit_code == 0
    assert run("result", job_id).stdout == "abab\n"
    assert run("result", job_id, "--json").stdout == '"abab"\n'


def test_arguments_are_text_or_json_and_text_wins(run):
    texts = ("numbers=4", "numbers=5", "sure=no")

    done = run("submit", "every_kind", *texts, "--input", '{"share": 2, "sure": true}', "--json")

    assert json.loads(done.stdout)["input"] == {"numbers": [4, 5], "sure": False, "share": 2}


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (["echo", "times=9", "more=1"], ["times: Must be at most 3.", "more: The task has no such parameter.",
                                         "text: Required."]),
        (["echo", "text"], ["'text' has no value: write NAME=VALUE."]),
        (["echo", "--input", "[1]"], ["--input has to be a JSON object"]),
        (["echo", "--input", "{"], ["This is no JSON"]),
        (["echo", "text=a", "--tag", "two words"], ["tag: A job may have 10 tags, each a word"]),
        (["count_bytes"], ["data: Required."]),
        (["count_bytes", "data=a.csv"], ["data: is a file: write data=@path."]),
        (["count_bytes", "data=@/nothing"], ["data: /nothing can't be read: No such file or directory."]),
        (["count_bytes", "data=@/"], ["data: / can't be read: Is a directory."]),
        (["count_bytes", "data=@/dev/null"], ["data: The file is empty: choose one that has content."]),
        (["count_bytes", "--input", '{"data": "text"}'], ["data: Must be a file: choose one."]),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named_field_by_field(run, redis, arguments, sentences):
    done = run("submit", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert all(sentence in done.stderr for sentence in sentences), done.stderr
    assert redis.llen("rq:queue:default") == 0


def test_a_file_that_is_a_pipe_is_named(run, tmp_path):
    ours, theirs = os.pipe()

    done = run("submit", "count_bytes", f"data=@/dev/fd/{ours}")

    assert (done.exit_code, "is a pipe: save it to a file first." in done.stderr) == (2, True)
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("command", [("cancel", "\udcff"), ("list", "--tag", "\udcff"), ("list", "--task", "\udcff")])
def test_an_argument_that_is_no_text_ends_with_2(run, command):
    done = run(*command)

    assert (done.exit_code, done.stderr) == (2, "An argument is not valid UTF-8.\n")


def test_a_job_is_submitted_to_another_queue_and_for_later(run):
    def submit(*options: str) -> dict:
        return json.loads(run("submit", "echo", "text=a", "--json", *options).stdout)

    tomorrow = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)

    urgent, later = submit("--queue", "high"), submit("--at", f"{tomorrow:%Y-%m-%dT%H:%MZ}")
    soon = submit("--in", "10m")

    assert (urgent["queue"]["name"], urgent["status"], later["status"]) == ("high", "queued", "scheduled")
    assert datetime.fromisoformat(later["scheduled_at"]) == tomorrow
    ahead = datetime.fromisoformat(soon["scheduled_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < ahead < timedelta(minutes=11)
    assert "No worker serves the queue high" in run("submit", "echo", "text=a", "--queue", "high").stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--queue", "nothing"], "queue: There is no queue 'nothing'. Choose one of: high, default, low."),
        (["--at", "2026-12-01T08:00"], "Must be a date and time with a zone, such as 2026-03-31T12:00:00Z."),
        (["--at", "2126-12-01T08:00Z"], "at: This is more than 366 days ahead. Choose an earlier time."),
        (["--in", "400d"], "at: This is more than 366 days ahead. Choose an earlier time."),
        (["--in", "soon"], "Must be a number with s, m, h or d, such as 10m."),
        (["--in", "1h", "--at", "2026-12-01T08:00Z"], "--at and --in can't be combined: choose one."),
    ],
)
def test_a_wrong_queue_or_time_is_named(run, redis, options, sentence):
    done = run("submit", "echo", "text=a", *options)

    assert (done.exit_code, done.stdout, redis.exists("taskdesk:jobs")) == (2, "", 0)
    assert sentence in done.stderr


@pytest.mark.parametrize("is_given", [True, False])
def test_an_installed_command_stores_an_upload_only_where_the_workers_look(run, tmp_path, monkeypatch, is_given):
    monkeypatch.setattr("taskdesk.service.settings.IS_CLONE", False)
    monkeypatch.setattr("taskdesk.service.settings.ROOT", tmp_path)
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    settings = {"DATA_DIR": str(tmp_path / "given") if is_given else ""}

    def submit():
        return run("submit", "count_bytes", f"data=@{tmp_path / 'table.csv'}", **settings)

    if is_given:
        assert submit().exit_code == 0
        return
    refused = submit()
    assert (refused.exit_code, "Set DATA_DIR to the folder that the workers use" in refused.output) == (2, True)
    assert not (tmp_path / "data").exists()
    assert run("submit", "echo", "text=a", **settings).exit_code == 0  # needs no folder
    (tmp_path / "data" / "artifacts").mkdir(parents=True)
    assert submit().exit_code == 0
