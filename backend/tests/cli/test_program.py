"""The command line as a program: with real workers, in a pipe, in a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest

from tests.conftest import BACKEND, wait_until

COMMAND = [sys.executable, "-m", "taskdesk"]


@pytest.fixture
def taskdesk(stack):
    def taskdesk(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], cwd=BACKEND, env=stack.environment, capture_output=True, text=True, timeout=60
        )

    return taskdesk


@pytest.mark.slow
def test_a_model_is_trained_from_a_file_and_saved(taskdesk, tmp_path):
    table, model = tmp_path / "table.csv", tmp_path / "model.skops"
    table.write_text("size,label\n" + "1,small\n9,large\n" * 10)

    submitted = taskdesk("submit", "train_model", f"data=@{table}", "target=label", "trees=5", "folds=2", "--wait")
    job_id = submitted.stdout.strip()
    saved = taskdesk("result", job_id, "--part", "model", "-o", str(model))

    assert (submitted.returncode, saved.returncode) == (0, 0), submitted.stderr
    assert "train_model succeeded after" in submitted.stderr
    assert taskdesk("result", job_id, "--part", "accuracy").stdout == "1.0\n"
    assert model.read_bytes().startswith(b"PK")
    assert "high,default,low" in taskdesk("workers").stdout


def test_a_closed_pipe_ends_the_program_quietly(stack):
    process = subprocess.Popen(
        [*COMMAND, "tasks"], cwd=BACKEND, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()

    assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 141)
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["queues --watch", "submit simple_task task_arg=a seconds=5 --wait"])
def test_in_a_terminal_it_is_live_until_ctrl_c(stack, command):
    ours, theirs = pty.openpty()
    env = {**stack.environment, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [*COMMAND, *command.split()], cwd=BACKEND, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""

    def is_live() -> bool:
        nonlocal shown
        shown += os.read(ours, 65536)
        return shown.count(b"WORKERS") > 1 or b"running" in shown

    wait_until(is_live)
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=60) == 130
    assert b"Traceback" not in shown + os.read(ours, 65536)
    os.close(ours)
