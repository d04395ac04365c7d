"""The arguments of our programs: none but --help and --version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from taskdesk.launcher.run import RunSettings
from taskdesk.service.settings import SharedSettings
from taskdesk.service.startup import answer_arguments
from taskdesk.version import VERSION
from taskdesk.web.settings import WebSettings
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import BACKEND


@pytest.mark.parametrize(
    ("settings_class", "arguments", "named"),
    [
        (WebSettings, ["--port", "1"], "APP_PORT=… "),
        (WebSettings, ["--app-port=1", "--host=::1"], "APP_HOST=… APP_PORT=… "),
        (WorkerSettings, ["--workers", "4"], "WORKERS=… "),
        (SharedSettings, ["--redis-url=redis://:s3cret@host"], "REDIS_URL=… "),
        (WebSettings, ["--secret-key", "s3cret"], "SECRET_KEY=… "),
        (RunSettings, ["--port", "1"], "APP_PORT=… DASHBOARD_PORT=… "),
        (WebSettings, ["s3cret"], "SETTING=… "),
        (WebSettings, ["-p", "80", "--version"], "SETTING=… "),
    ],
)
def test_an_argument_is_refused_with_the_setting_that_is_meant(monkeypatch, capsys, settings_class, arguments, named):
    monkeypatch.setattr(sys, "argv", ["program", *arguments])

    with pytest.raises(SystemExit) as ended:
        answer_arguments(settings_class)

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert f" Write {named}before the command, or into .env." in said
    assert "s3cret" not in said


@pytest.mark.slow
@pytest.mark.parametrize("command", ["server.py", "worker.py", "dashboard.py"])
def test_an_entry_point_refuses_arguments_and_knows_its_version(command):
    def run(argument: str) -> tuple[int, str, str]:
        program = [sys.executable, command, argument]
        done = subprocess.run(program, cwd=BACKEND, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr[:32]

    assert run("--port=1") == (2, "", "This program takes no arguments:")
    assert run("--version") == (0, f"taskdesk {VERSION}\n", "")


@pytest.mark.parametrize("program", ["server", "worker", "dashboard"])
def test_ctrl_c_is_quiet_while_a_program_loads(tmp_path, program):
    (tmp_path / "pydantic.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, "-P", BACKEND / f"{program}.py"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "loading\n"

    process.send_signal(signal.SIGINT)

    assert (*process.communicate(timeout=60), process.returncode) == ("", "", 130)
