"""What all commands have in common: exit status, settings, audit."""

from __future__ import annotations

import os
import re

import pytest

from taskdesk.version import VERSION
from tests.conftest import free_port


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


def test_the_version_is_printed(run):
    assert run("--version").output == f"program {VERSION}\n"  # by its own name: taskdesk
