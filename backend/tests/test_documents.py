"""Everything is documented: settings, routes, commands, tasks; and each image has the code that it needs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from taskdesk.cli import program
from taskdesk.cli.program import EPILOG
from taskdesk.launcher.run import RunSettings
from taskdesk.service.settings_help import settings_help
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import BACKEND
from tests.test_architecture import ENTRIES, MAY_IMPORT

ROOT = BACKEND.parent
README = (ROOT / "README.md").read_text()


def known_settings() -> dict[str, str]:
    """Each setting of each role, and its default in dev: as README has them, which `make docs` writes."""
    return {
        name.lower(): default for name, default in re.findall(r"^\| `([A-Z_]+)` \| (.*?) ?\|", README, re.MULTILINE)
    }


def test_readme_and_env_files_have_the_descriptions_of_the_settings():
    command = [sys.executable, ROOT / ".ci" / "document_settings.py", "--check"]
    done = subprocess.run(command, cwd=BACKEND, capture_output=True, text=True)

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_every_setting_has_a_text_and_a_default_that_are_the_same_in_each_program():
    texts = [setting for role in (WebSettings, WorkerSettings, RunSettings) for setting in settings_help(role)]

    assert len(set(texts)) == len({setting.name for setting in texts})
    assert {setting.name.lower() for setting in texts} <= known_settings().keys()
    assert [text.name for text in texts if not re.fullmatch("[`A-Z].*[.]", text.description)] == []


@pytest.mark.slow
@pytest.mark.parametrize("program", ["server.py", "worker.py", "dashboard.py", "-mtaskdesk.launcher.run"])
def test_the_help_of_a_program_lists_its_settings(program):
    told = subprocess.run([sys.executable, program, "--help"], cwd=BACKEND, capture_output=True, text=True, check=True)

    assert "  REDIS_URL [redis://127.0.0.1:6379/0]\n      Address of your own Redis" in told.stdout


@pytest.fixture
def url_map(tmp_path):
    return create_app(WebSettings(redis_url="redis://127.0.0.1:1/0", data_dir=tmp_path, _env_file=None)).url_map


@pytest.fixture
def routes(url_map):
    return {re.sub(r"<(\w+)>", "{}", rule.rule) for rule in url_map.iter_rules()}


def test_every_route_of_the_api_is_documented(routes):
    page = re.sub(r"\{\w+\}", "{}", (ROOT / "docs" / "api.md").read_text())

    assert [
        route for route in routes if route.startswith("/api/v1") and route.removeprefix("/api/v1") not in page
    ] == []


def test_every_command_option_and_exit_status_is_documented():
    page = (ROOT / "docs" / "cli.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)(.*)$", page, re.MULTILINE))
    options = {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
        for name, command in program.commands.items()
    }

    assert rows.keys() == options.keys()
    assert [(name, option) for name in options for option in options[name] if option not in rows[name]] == []
    assert re.findall(r"^  (\d) ", EPILOG, re.MULTILINE) == re.findall(r"^\| (\d) \|", page, re.MULTILINE)


def test_every_route_of_the_tutorials_is_documented(url_map):
    page = re.sub(r"<\w+>", "<>", (ROOT / "docs" / "tutorials.md").read_text())
    routes = [
        re.sub(r"<\w+>", "<>", rule.rule) for rule in url_map.iter_rules() if rule.endpoint.startswith("classic.")
    ]

    assert routes
    assert [route for route in routes if not re.search(rf" {re.escape(route)}[?`]", page)] == []


def test_every_task_that_ships_has_a_title_a_text_and_a_help_for_each_parameter():
    catalog = discover(WorkerSettings(_env_file=None)).catalog

    assert catalog.broken == []
    assert len(catalog.tasks) >= 7
    for task in catalog.tasks.values():
        assert task.title.endswith("."), task.name
        assert task.description, task.name
        assert all("description" in schema for schema in task.parameters.values()), task.name


def test_the_links_of_the_readme_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


OPTIONS_OF_CURL_7_76 = {"-H", "-d", "-F", "-X"}  # RHEL 9 has this curl


def test_each_line_of_curl_works_with_a_curl_of_2021():
    pages = [README, *(page.read_text() for page in (ROOT / "docs").glob("*.md"))]
    lines = [line for page in pages for line in re.findall(r"^ *curl (?:.*\\\n)*.*", page, re.MULTILINE)]

    assert len(lines) >= 6
    assert [line for line in lines if not set(re.findall(r"(?<=\s)-[-\w]+(?=\s)", line)) <= OPTIONS_OF_CURL_7_76] == []


def test_the_image_of_the_web_has_no_task_code_and_no_image_runs_as_root():
    stages = re.split(r"^FROM ", (BACKEND / "Dockerfile").read_text(), flags=re.MULTILINE)[2:]
    by_name = {re.search(r" AS (\w+)", stage)[1]: stage for stage in stages}

    assert set(by_name) == {"web", "worker", "tasks", "dashboard"}
    assert all("USER taskdesk" in stage for stage in by_name.values())
    assert [name for name, stage in by_name.items() if "COPY backend/tasks tasks" in stage] == ["tasks"]
    assert "worker" not in by_name["web"]
    assert "/usr/local/bin/taskdesk" in by_name["web"]


@pytest.mark.parametrize(
    ("role", "program", "parts"),
    [
        ("web", "server.py", ENTRIES["server"]),
        ("web", "*.py", MAY_IMPORT["__main__"]),
        ("worker", "worker.py", ENTRIES["worker"] | {"client"}),  # a task may submit jobs
        ("dashboard", "dashboard.py", ENTRIES["dashboard"]),
    ],
)
def test_an_image_has_everything_that_its_program_imports(role, program, parts):
    stage = (BACKEND / "Dockerfile").read_text().split(f" AS {role}\n")[1].split("FROM ")[0]
    needed = parts | set().union(*(MAY_IMPORT[part] for part in parts))

    modules = "*.py" if "taskdesk/cli " in stage else "__init__.py backend/taskdesk/version.py"
    assert f"COPY backend/taskdesk/{modules} taskdesk/\n" in stage
    assert f"/{program} " in stage
    assert [part for part in needed if f"COPY backend/taskdesk/{part} taskdesk/{part}\n" not in stage] == []


@pytest.mark.parametrize("role", ["web", "worker", "dashboard"])
def test_no_library_of_a_task_is_locked_for(role):
    locked = (BACKEND / "requirements" / f"{role}.txt").read_text()

    assert not re.search(r"^(scikit-learn|matplotlib|pandas|numpy|skops)==", locked, re.MULTILINE)
    assert "--hash=sha256:" in locked
