"""Output and exit status of each command, with a real Redis."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from taskdesk.cli import terminal
from taskdesk.jobs.catalog import BrokenModule, announce
from taskdesk.jobs.job import Retention
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import RQ_WORKERS, worker_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.version import VERSION
from tests.conftest import free_port


@pytest.fixture
def submitted(run):
    def submitted(*arguments: str) -> str:
        return run("submit", *arguments).stdout.strip()

    return submitted


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


def test_a_job_is_shown_with_the_keys_of_the_api(run, submitted, run_worker, client):
    job_id = submitted("parts", "--tag", "a", "--tag", "b")
    run_worker()

    shown = json.loads(run("watch", job_id, "--json").stdout)

    of_api = client.get(f"/api/v1/jobs/{job_id}").json
    assert of_api.keys() - shown.keys() == {"links"}
    assert shown["tags"] == ["a", "b"]
    assert [part["name"] for part in shown["result"]["parts"]] == [part["name"] for part in of_api["result"]["parts"]]


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (["echo", "times=9", "more=1"], ["times: This has to be at most 3.", "more: The task has no such parameter.",
                                         "text: This is required."]),
        (["echo", "text"], ["'text' has no value: write NAME=VALUE."]),
        (["echo", "--input", "[1]"], ["--input has to be a JSON object"]),
        (["echo", "--input", "{"], ["This is no JSON"]),
        (["echo", "text=a", "--tag", "two words"], ["tag: A job may have 10 tags, each a word"]),
        (["count_bytes"], ["data: This is required."]),
        (["count_bytes", "data=a.csv"], ["data: is a file: write data=@path."]),
        (["count_bytes", "data=@/nothing"], ["data: /nothing can't be read: No such file or directory."]),
        (["count_bytes", "data=@/"], ["data: / can't be read: Is a directory."]),
        (["count_bytes", "data=@/dev/null"], ["data: The file is empty: choose one that has content."]),
        (["count_bytes", "--input", '{"data": "text"}'], ["data: This has to be a file: choose one."]),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named_field_by_field(run, redis, arguments, sentences):
    done = run("submit", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert all(sentence in done.stderr for sentence in sentences), done.stderr
    assert redis.llen("rq:queue:default") == 0


@pytest.mark.parametrize(
    "command",
    [
        ("submit", "nothing"),
        ("watch", "nothing"),
        ("result", "a:b"),
        ("cancel", "nothing"),
        ("retry", "nothing"),
        ("keep", "nothing"),
        ("delete", "a:b"),
        ("pause", "nothing"),
        ("resume", "nothing"),
    ],
)
def test_an_unknown_task_job_or_queue_ends_with_4(run, command):
    done = run(*command)

    assert (done.exit_code, done.stdout) == (4, "")
    assert re.search("No job|No worker has announced a task named 'nothing'|There is no queue 'nothing'", done.stderr)


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


@pytest.mark.parametrize("command", [("tasks",), ("submit", "echo", "text=a"), ("watch", "a"), ("queues", "--watch")])
def test_without_redis_a_command_ends_with_3_and_names_the_address(run, command):
    port = free_port()

    done = run(*command, REDIS_URL=f"redis://:secret@127.0.0.1:{port}/0")

    assert done.exit_code == 3
    assert f"Redis can't be reached at redis://127.0.0.1:{port}/0: " in done.stderr
    assert "secret" not in done.output


@pytest.mark.parametrize(("setting", "value"), [("REDIS_URL", "nothing"), ("QUEUES", "a:b")])
def test_a_wrong_setting_ends_with_2(run, setting, value):
    done = run("tasks", **{setting: value})

    assert done.exit_code == 2
    assert setting in done.stderr


def test_the_redis_of_make_run_is_used_if_redis_url_is_not_set(run, redis_url, tmp_path):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "url").write_text(redis_url)

    assert "echo" in run("tasks", REDIS_URL="").stdout


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
        (["--at", "2026-12-01T08:00"], "This has to be a date and time with a zone, such as 2026-03-31T12:00:00Z."),
        (["--at", "2126-12-01T08:00Z"], "at: This is more than 366 days ahead. Choose an earlier time."),
        (["--in", "400d"], "at: This is more than 366 days ahead. Choose an earlier time."),
        (["--in", "soon"], "This has to be a number with s, m, h or d, such as 10m."),
        (["--in", "1h", "--at", "2026-12-01T08:00Z"], "--at and --in can't be combined: choose one."),
    ],
)
def test_a_wrong_queue_or_time_is_named(run, redis, options, sentence):
    done = run("submit", "echo", "text=a", *options)

    assert (done.exit_code, done.stdout, redis.exists("taskdesk:jobs")) == (2, "", 0)
    assert sentence in done.stderr


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


def test_a_queue_is_paused_and_resumed(run, redis):
    paused = run("pause", "high")

    assert (paused.exit_code, redis.smembers("taskdesk:paused")) == (0, {b"high"})
    assert "high (paused)\t0" in paused.stdout
    assert json.loads(run("pause", "high", "--json").stdout)["paused"] is True
    assert json.loads(run("resume", "high", "--json").stdout)["paused"] is False
    assert redis.exists("taskdesk:paused") == 0


def test_queues_and_workers_are_shown(run, submitted):
    submitted("echo", "text=a")

    queues = {queue["name"]: queue for queue in json.loads(run("queues", "--json").stdout)["data"]}

    assert (queues["default"]["jobs"]["queued"], queues["default"]["workers_online"]) == (1, 0)
    assert re.search(r"^default\t1\t\d+\.\d s\t0\t0\t0\t0\t0\tnone$", run("queues").stdout, re.MULTILINE)
    assert json.loads(run("workers", "--json").stdout) == {"data": []}
    assert run("queues", "--watch", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("width", "columns", "name"),
    [
        (200, "WORKER STATE QUEUES JOB HOST PROCESS AGE", "f" * 32),
        (110, "WORKER STATE QUEUES JOB PROCESS", "f" * 32),
        (80, "WORKER STATE QUEUES JOB PROCESS", "f" * 7 + "…"),
    ],
)
def test_workers_in_a_terminal_have_one_line_each(run, redis, registry, monkeypatch, width, columns, name):
    monkeypatch.setattr(terminal.out, "width", width)
    job_id, host = new_job_id(), "a-machine-with-a-long-name"
    record = {"queues": "high,default,low", "state": "busy", "current_job": job_id, "hostname": host, "pid": "1234567"}
    redis.hset(worker_key("f" * 32), mapping={**record, "birth": now_text(), "catalog": registry.catalog.digest})
    redis.sadd(RQ_WORKERS, worker_key("f" * 32))

    header, line = re.sub(r"\x1b\[[\d;]*m", "", run("workers", TTY_COMPATIBLE="1").stdout).splitlines()

    assert header.split() == columns.split()
    assert line.split()[:5] == [name, "busy", "high,default,low", job_id, host if width == 200 else "1234567"]
    assert max(len(header), len(line)) <= width


def test_a_queue_without_a_worker_is_shown_as_such(run):
    assert "No worker serves the queue default" in run("submit", "echo", "text=a").stderr


def test_tasks_are_listed_with_the_broken_ones(run, redis, registry):
    broken = BrokenModule(module="tasks.half", error="SyntaxError")
    announce(redis, registry.catalog.model_copy(update={"broken": [broken]}))

    done = run("tasks")

    assert "count_bytes\tdata [other]\tdefault\tCount the bytes of a file.\n" in done.stdout
    assert "Could not load tasks.half: SyntaxError" in done.stderr
    assert json.loads(run("tasks", "--json").stdout)["broken"] == [broken.model_dump()]


def test_each_write_leaves_an_audit_line_if_log_dir_is_set(run, tmp_path):
    job_id = run("submit", "echo", "text=a", LOG_DIR=str(tmp_path)).stdout.strip()
    for arguments in (
        ("cancel", job_id),
        ("cancel", "nothing"),
        ("keep", job_id),
        ("retry", job_id),
        ("delete", job_id),
    ):
        run(*arguments, LOG_DIR=str(tmp_path))
    for arguments in (("pause", "low"), ("resume", "low"), ("list",), ("queues",)):
        run(*arguments, LOG_DIR=str(tmp_path))

    lines = (tmp_path / "cli.log").read_text().splitlines()
    whats = ["create_job", "cancel_job", "keep_job", "retry_job", "delete_job"]
    assert lines == [
        f"INFO audit who=cli:{os.getuid()} what={what} subject={subject}"
        for what, subject in [*((what, job_id) for what in whats), ("pause_queue", "low"), ("resume_queue", "low")]
    ]


def test_a_write_succeeds_without_a_log_and_says_so_if_the_log_can_not_be_written(run, tmp_path):
    (tmp_path / "file").touch()

    assert run("submit", "echo", "text=a").exit_code == 0
    noted = run("submit", "echo", "text=a", LOG_DIR=str(tmp_path / "file"))
    assert (noted.exit_code, "No audit line was written" in noted.stderr) == (0, True)


def test_the_jobs_of_a_user_are_listed_and_deleted(run, submitted, redis, registry):
    others = submitted("echo", "text=a")
    spec = registry.catalog.tasks["echo"]
    ids = Jobs(redis, ("default",)).submit_many(spec, [{"text": "a"}] * 3, Retention(100, 100), owner="bob")

    listed = [job["id"] for job in json.loads(run("list", "--owner", "bob", "--json").stdout)["data"]]
    run("delete", *listed)

    assert listed == ids[::-1]
    assert [job["id"] for job in json.loads(run("list", "--json").stdout)["data"]] == [others]


def test_the_version_is_printed(run):
    assert run("--version").output == f"program {VERSION}\n"  # by its own name: taskdesk


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
