"""The package as others install it: a wheel, in an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import BACKEND, wait_until

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
    versions = folder / "versions.txt"  # without the hashes, with which pip would want one of the wheel, too
    versions.write_text("\n".join(line.removesuffix(" \\") for line in locked.splitlines() if re.match(r"\w", line)))
    arguments = ["install", "-q", "-c", versions, f"{wheel}[worker]"]
    uv = [Path(sys.executable).with_name("uv"), "pip", *arguments]
    if subprocess.run(uv, env={**os.environ, "VIRTUAL_ENV": str(folder)}, check=False).returncode:
        subprocess.run([folder / "bin" / "python", "-m", "pip", *arguments], check=True)
    return folder / "bin"


def test_the_wheel_is_one_top_level_name_with_all_files_of_the_package(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(["git", "ls-files", "taskdesk"], cwd=BACKEND, capture_output=True, text=True, check=True)

    assert {name.partition("/")[0] for name in names} == {"taskdesk"}
    assert names == set(listed.stdout.split())


@pytest.mark.timeout(300)
def test_a_job_runs_where_only_the_wheel_is_installed(environment, redis_url, tmp_path):
    (tmp_path / "jobs_of_mine.py").write_text(TASKS)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env |= {"REDIS_URL": redis_url, "TASKS": "jobs_of_mine", "DATA_DIR": str(tmp_path / "data"), "WORKERS": "1"}
    worker = subprocess.Popen([environment / "python", "-m", "taskdesk.worker.main"], cwd=tmp_path, env=env)
    try:
        command = [environment / "taskdesk", "submit", "hello", "name=Ann", "--wait"]
        done = submit_when_announced(command, tmp_path, env)

        assert done.returncode == 0, done.stderr
        job_id = done.stdout.strip()
        result = subprocess.run(
            [environment / "taskdesk", "result", job_id], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert result.stdout == "Hello, **Ann**!\n"
    finally:
        worker.terminate()
        worker.wait(timeout=60)


def submit_when_announced(command, folder, env) -> subprocess.CompletedProcess[str]:
    """Submit again until a worker has announced the task."""

    def submit() -> subprocess.CompletedProcess[str] | None:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
        return done if "No worker has announced" not in done.stderr else None

    return wait_until(submit, what="a worker announces the task")
