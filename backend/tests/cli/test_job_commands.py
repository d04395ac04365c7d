"""Commands about jobs: output and exit status, with a real Redis."""

from __future__ import annotations

import json
import re

import pytest

from taskdesk.cli import terminal
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs


def test_a_job_is_shown_with_the_keys_of_the_api(run, submitted, run_worker, client):
    job_id = submitted("parts", "--tag", "a", "--tag", "b")
    run_worker()

    shown = json.loads(run("watch", job_id, "--json").stdout)

    of_api = client.get(f"/api/v1/jobs/{job_id}").json
    assert of_api.keys() - shown.keys() == {"links"}
    assert shown["tags"] == ["a", "b"]
    assert [part["name"] for part in shown["result"]["parts"]] == [part["name"] for part in of_api["result"]["parts"]]


def test_a_failed_job_ends_with_1_and_says_why(run, submitted, run_worker):
    job_id = submitted("raises")
    run_worker()

    watched = run("watch", job_id)

    assert watched.exit_code == 1
    assert "ValueError: The number <seven> is too small." in watched.stderr
    assert run("result", job_id).exit_code == 1


def test_texts_of_jobs_can_not_steer_the_terminal(run, submitted, run_worker):
    talk, rude = submitted("talk"), submitted("echo", "text=\x9b2Ja")
    run_worker()

    assert "printed line\n" in run("watch", talk).stdout
    assert "\x1b" not in run("submit", "echo", "\x1b[2J=a").output
    assert run("result", rude).stdout_bytes == "\x9b2Ja\n".encode()  # a pipe gets what it was
    assert run("result", rude, "--json").stdout == '"\\u009b2Ja"\n'


def test_a_result_with_several_parts_is_listed_and_each_can_be_printed(run, submitted, run_worker, tmp_path):
    job_id = submitted("parts")
    run_worker()

    listed = run("result", job_id).stdout
    saved = run("result", job_id, "--part", "path", "-o", str(tmp_path / "made.bin"))

    assert "accuracy\tjson\t0.5\n" in listed
    assert "file\tfile\ttext/plain, 7 bytes\n" in listed
    assert run("result", job_id, "--part", "file").stdout == "content"
    assert json.loads(run("result", job_id, "--json").stdout)["accuracy"] == 0.5
    assert (saved.exit_code, (tmp_path / "made.bin").read_bytes()) == (0, b"\0\1\2")


@pytest.mark.parametrize(
    "options", [["--part", "nothing"], ["-o", "somewhere"], ["--part", "file", "-o", "/nothing/there"]]
)
def test_wrong_options_for_a_result_end_with_2(run, submitted, run_worker, options):
    job_id = submitted("parts")
    run_worker()

    assert run("result", job_id, *options).exit_code == 2


def test_jobs_are_filtered(run, submitted):
    other = submitted("every_kind")
    tagged = [submitted("echo", f"text={n}", "--tag", "mine") for n in range(3)]

    def ids(*options: str) -> list[str]:
        return [job["id"] for job in json.loads(run("list", "--json", *options).stdout)["data"]]

    assert ids() == [*tagged[::-1], other]
    assert ids("--limit", "1") == tagged[:1:-1]
    assert ids("--task", "tests.sample_tasks.every_kind") == ids("--queue", "high") == [other]
    assert ids("--tag", "mine") == tagged[::-1]
    assert ids("--status", "succeeded") == []
    assert f"{other}\tevery_kind\tqueued\thigh\t" in run("list").stdout


def test_jobs_are_canceled_and_the_unknown_is_named(run, submitted):
    job_id = submitted("echo", "text=a")

    done = run("cancel", job_id, "nothing")

    assert (done.exit_code, done.stdout) == (4, f"{job_id}\tcanceled\n")
    assert "No job 'nothing'." in done.stderr
    assert run("watch", job_id).exit_code == 1


def test_a_job_is_retried_when_it_has_ended(run, submitted, run_worker):
    job_id = submitted("echo", "text=a")
    too_soon = run("retry", job_id)
    run_worker()

    again = json.loads(run("retry", job_id, "--json").stdout)

    assert too_soon.exit_code == 1
    assert (again["retry_of"], again["input"]) == (job_id, {"text": "a"})


def test_jobs_are_listed_since_some_time_ago(run, submitted, redis):
    old, new = submitted("echo", "text=a"), submitted("echo", "text=b")
    redis.hset(f"rq:job:{old}", "created_at", "2020-01-01T00:00:00.000000Z")

    listed = run("list", "--since", "1h")

    assert (new in listed.stdout, old in listed.stdout) == (True, False)


@pytest.mark.parametrize(
    ("width", "columns", "task"),
    [
        (200, "ID TASK STATUS QUEUE AGE TOOK", "returns_half_a_character"),
        (90, "ID TASK STATUS AGE TOOK", "returns_half_a_character"),
        (80, "ID TASK STATUS AGE TOOK", "returns_half_a_char…"),
        (30, "ID TASK STATUS AGE TOOK", "ret…"),  # the terminal wraps it, and no other cell is cut
    ],
)
def test_a_list_in_a_terminal_has_one_line_for_each_job(run, submitted, redis, monkeypatch, width, columns, task):
    monkeypatch.setattr(terminal.out, "width", width)
    ids = [submitted("returns_half_a_character"), submitted("echo", "text=日本語", "--queue", "high")]
    for job_id in ids:
        redis.hset(f"rq:job:{job_id}", "created_at", "2020-01-01T00:00:00.000000Z")

    shown = run("list", TTY_COMPATIBLE="1").stdout

    header, newest, oldest = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert header.split() == columns.split()
    assert (newest.split()[0], *oldest.split()[:3]) == (ids[1], ids[0], task, "queued")
    assert re.search(r" \d{4} d\b", oldest)
    assert max(len(header), len(newest), len(oldest)) <= max(width, 65)


@pytest.mark.parametrize(("command", "outcome"), [("keep", "kept"), ("delete", "deleted"), ("cancel", "succeeded")])
def test_the_outcome_for_each_job_is_printed(run, submitted, run_worker, command, outcome):
    first, second = submitted("echo", "text=a"), submitted("echo", "text=b")
    run_worker()

    done, as_json = run(command, first, "nothing"), run(command, second, "--json")

    assert (done.exit_code, done.stdout) == (4, f"{first}\t{outcome}\n")
    assert "No job 'nothing'." in done.stderr
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, {"data": [{"id": second, "outcome": outcome}]})


def test_a_status_that_does_not_allow_a_command_ends_with_1(run, submitted, redis):
    job_id = submitted("echo", "text=a")

    kept = run("keep", job_id)
    redis.hset(f"rq:job:{job_id}", "status", "started")
    deleted = run("delete", job_id)

    assert (kept.exit_code, kept.stderr) == (1, f"Job {job_id} has not ended: it is queued.\n")
    assert (deleted.exit_code, deleted.stderr) == (1, f"Job {job_id} is running. Cancel it first.\n")


def test_the_jobs_of_a_user_are_listed_and_deleted(run, submitted, redis, registry):
    others = submitted("echo", "text=a")
    spec = registry.catalog.tasks["echo"]
    ids = Jobs(redis, ("default",)).submit_many(spec, [{"text": "a"}] * 3, Retention(100, 100), owner="bob")

    listed = [job["id"] for job in json.loads(run("list", "--owner", "bob", "--json").stdout)["data"]]
    run("delete", *listed)

    assert listed == ids[::-1]
    assert [job["id"] for job in json.loads(run("list", "--json").stdout)["data"]] == [others]
