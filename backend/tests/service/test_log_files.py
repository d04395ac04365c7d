"""LOG_DIR: a process and its children write to a file."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import BACKEND

PROGRAM = """
import os, sys
from taskdesk.service.logs import log_to_file
log_to_file(sys.argv[1], "worker")
print("printed", flush=True)
os.system("echo by a child")
print("an error", file=sys.stderr)
"""


def _run(folder: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    return subprocess.run(command, cwd=BACKEND, capture_output=True, text=True, check=False, timeout=60)


def test_the_logs_are_appended_to_the_file_of_the_role(tmp_path):
    for _ in range(2):
        done = _run(tmp_path / "logs")

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    assert (tmp_path / "logs" / "worker.log").read_text() == 2 * "printed\nby a child\nan error\n"


def test_without_a_folder_nothing_changes():
    assert _run("").stdout == "printed\nby a child\n"


def test_an_unusable_folder_is_reported_in_a_sentence(tmp_path):
    (tmp_path / "logs").write_text("a file")

    done = _run(tmp_path / "logs")

    assert done.returncode == 2
    assert "LOG_DIR can't be used: " in done.stderr
