"""Two `make run` at once in a fresh clone: one installs, the other waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.test_documents import ROOT

SCRIPT = [sys.executable, str(ROOT / ".ci" / "one_at_a_time.py")]


def start(folder, *command: str) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([*SCRIPT, str(folder), *command], text=True, **pipes)


def first_of(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline()


def test_a_second_command_for_the_same_folder_says_that_it_waits_and_runs_afterwards(tmp_path):
    with (
        start(tmp_path / ".venv", "sh", "-c", "echo begun; read word; exit 3") as first,
        start(tmp_path / "other", "sh", "-c", "echo other") as other,
    ):
        assert first_of(first) == "begun\n"
        with start(tmp_path / ".venv", "sh", "-c", "echo second; exit 4") as second:
            assert first_of(second).startswith(f"Another make installs into {tmp_path / '.venv'}: waiting")
            assert first_of(other) == "other\n"
            assert second.poll() is None
            first.stdin.write("end\n")
            first.stdin.close()
            assert first_of(second) == "second\n"

        assert (first.wait(60), second.wait(60), other.wait(60)) == (3, 4, 0)


def test_a_command_that_is_killed_blocks_nobody(tmp_path):
    with start(tmp_path / ".venv", "sh", "-c", "echo $$; read word") as first:
        assert first_of(first)
        first.send_signal(signal.SIGKILL)
        first.wait(60)

        with start(tmp_path / ".venv", "true") as second:
            assert second.wait(60) == 0
        first.stdin.close()


@pytest.mark.parametrize("target", ["run", "test", "test-all", "check"])
def test_make_installs_under_the_lock(target):
    command = [
        "make",
        "-n",
        "-B",
        "-o",
        ".venv-rq2/stamp",
        "-o",
        ".venv-clients/stamp",
        "-o",
        ".venv-deploy/stamp",
        target,
    ]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    planned = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout

    assert ".ci/one_at_a_time.py .venv " in planned.splitlines()[0]
