"""The commands that start programs: what they set, and what they become."""

from __future__ import annotations

import os
import sys

import pytest

from taskdesk.service.programs import PROGRAMS


@pytest.fixture
def become(run, monkeypatch):
    """Run a command that becomes a program; return the command line of the program, and the settings that it gets."""

    monkeypatch.setenv("TASKS", "")  # and put it back: the command changes the environment of this process

    def become(*arguments: str) -> tuple[list[str], dict[str, str]]:
        seen: list[tuple[list[str], dict[str, str]]] = []
        monkeypatch.setattr(os, "execv", lambda path, command: seen.append((command, dict(os.environ))))
        done = run(*arguments, REDIS_URL="")
        assert done.exit_code == 0, done.output
        return seen[0]

    return become


def test_run_becomes_the_launcher_with_the_tasks_and_the_data_folder(become, tmp_path):
    command, settings = become("run", "./tasks", "--data", str(tmp_path / "d"))

    assert command == [sys.executable, "-P", "-m", "taskdesk.launcher.run"]
    assert (settings["TASKS"], settings["DATA_DIR"]) == ("./tasks", str(tmp_path / "d"))


@pytest.mark.parametrize("command", ["run", "worker"])
def test_several_packages_are_several_arguments(become, tmp_path, command):
    _, settings = become(command, "./tasks", "shop.jobs", "--data", str(tmp_path))

    assert settings["TASKS"] == "./tasks,shop.jobs"


@pytest.mark.parametrize("name", ["web", "worker", "dashboard"])
def test_a_part_becomes_its_program_on_the_redis_of_a_running_desk(become, tmp_path, name):
    (tmp_path / "d" / "redis").mkdir(parents=True)
    (tmp_path / "d" / "redis" / "url").write_text("redis://127.0.0.1:7777/0")

    command, settings = become(name, "--data", str(tmp_path / "d"))

    assert command[2:] == [str(PROGRAMS / f"{'server' if name == 'web' else name}.py")]
    assert settings["DATA_DIR"] == str(tmp_path / "d")
    assert settings["REDIS_URL"] == "redis://127.0.0.1:7777/0"


@pytest.mark.parametrize("name", ["run", "web", "worker", "dashboard"])
def test_an_unsupported_platform_is_refused_with_the_remedy(run, monkeypatch, name):
    monkeypatch.setattr(sys, "platform", "win32")

    done = run(name)

    assert done.exit_code == 2
    assert "Taskdesk runs on Linux and macOS. On Windows, start it in WSL or in Docker." in done.stderr
