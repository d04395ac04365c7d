"""TASKS has to name a package, and one with tasks."""

from __future__ import annotations

import logging

import pytest

from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.task_package import exit_without_package, exit_without_tasks


@pytest.fixture
def settings_of(tmp_path, monkeypatch):
    """Settings for a package of these files, which can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, env: str = "dev", **files: str) -> WorkerSettings:
        for file, text in files.items():
            path = tmp_path.joinpath(*name.split("."), f"{file}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return WorkerSettings(tasks=name, env=env, _env_file=None)

    return make


@pytest.mark.parametrize("name", ["nosuch", "tests.nosuch", "nosuch.tasks", "reports.py", "./tasks", "", "..", "a-b/c"])
def test_a_package_that_does_not_exist_ends_the_worker_with_a_sentence(settings_of, capsys, name):
    with pytest.raises(SystemExit) as ended:
        exit_without_package(settings_of(name))

    assert ended.value.code == 2
    assert f"  - TASKS: there is no package {name!r}. " in capsys.readouterr().err


BROKEN = "import no_such_library"


def test_a_package_that_is_broken_exists(settings_of):
    exit_without_package(settings_of("package_one", __init__=BROKEN))
    exit_without_package(settings_of("package_two", __init__="raise SystemExit"))
    (settings_of("package_three", __init__=BROKEN), settings_of("package_three.tasks", __init__=""))
    exit_without_package(settings_of("package_three.tasks"))
    (settings_of("package_four", __init__="import os; os._exit(3)"), settings_of("package_four.tasks", __init__=""))
    exit_without_package(settings_of("package_four.tasks"))  # nothing above it is imported here
    exit_without_package(settings_of("folder_without_init", one="def one() -> int:\n    return 1"))


EMPTY = {
    "nothing": "",
    "only_imports": "from json import dumps",
    "only_private": "def _f() -> int:\n    return 1",
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_package_without_tasks_is_named_and_refused_in_prod(settings_of, capsys, caplog, kind):
    dev, prod = (settings_of(f"empty_{kind}", env, __init__=EMPTY[kind]) for env in ("dev", "prod"))
    catalog = discover(dev).catalog
    sentence = f"TASKS: the package empty_{kind} has no task"

    with caplog.at_level(logging.WARNING):
        exit_without_tasks(dev, catalog)
    with pytest.raises(SystemExit) as ended:
        exit_without_tasks(prod, catalog)

    assert [record.getMessage()[: len(sentence)] for record in caplog.records] == [sentence]
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("text", ["def one() -> int:\n    return 1", "def broken(a):\n    return 1", BROKEN])
def test_a_package_with_a_task_or_a_broken_one_is_served(settings_of, caplog, text):
    settings = settings_of(f"good_{len(text)}", "prod", __init__="", one=text)

    exit_without_tasks(settings, discover(settings).catalog)

    assert caplog.records == []
