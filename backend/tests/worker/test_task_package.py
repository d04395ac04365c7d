"""TASKS has to name packages, and ones with tasks."""

from __future__ import annotations

import sys

import pytest

from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.task_package import exit_without_tasks, on_import_path


@pytest.fixture
def settings_of(tmp_path, monkeypatch):
    """Settings for a package of these files, which can be imported."""
    monkeypatch.syspath_prepend(tmp_path)  # and put back what a test adds

    def make(name: str, **files: str) -> WorkerSettings:
        for file, text in files.items():
            path = tmp_path.joinpath(*name.split("."), f"{file}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return WorkerSettings(tasks=name, _env_file=None)

    return make


@pytest.mark.parametrize("name", ["nosuch", "tests.nosuch", "nosuch.tasks", "reports.py"])
def test_a_package_that_does_not_exist_ends_the_program_with_a_sentence(settings_of, capsys, name):
    with pytest.raises(SystemExit) as ended:
        on_import_path(settings_of(name))

    assert ended.value.code == 2
    assert f"  - TASKS: there is no package {name!r}. " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("./nosuch", "there is no folder ./nosuch. Name the one with your tasks"),
        ("./nosuch.py", "there is no file ./nosuch.py. Name the one with your tasks"),
        ("./my-tasks", "Python can't import 'my-tasks'. Rename it"),
        ("./json", "'json' is also the name of a module of Python or of Taskdesk. Rename the folder."),
        ("./rq", "'rq' is also the name of a module"),
    ],
)
def test_a_folder_that_can_not_be_imported_ends_the_program_with_a_sentence(
    settings_of, tmp_path, monkeypatch, capsys, place, sentence
):
    monkeypatch.chdir(tmp_path)
    for name in ("my-tasks", "json", "rq"):
        (tmp_path / name).mkdir()

    with pytest.raises(SystemExit) as ended:
        on_import_path(settings_of(place))

    assert ended.value.code == 2
    assert f"  - TASKS: {sentence}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "name", "root"),
    [
        ("./shop_tasks", "shop_tasks", "."),
        ("shop_tasks", "shop_tasks", "."),
        ("shop_tasks/", "shop_tasks", "."),
        ("./shop_one.py", "shop_one", "."),
        ("shop_one.py", "shop_one", "."),
        ("./app/shop/tasks", "shop.tasks", "app"),  # app/shop is a package, app is none
        ("../here/shop_tasks", "shop_tasks", "."),
    ],
)
def test_a_folder_is_imported_from_above_the_outermost_package_that_it_is_in(
    settings_of, tmp_path, monkeypatch, place, name, root
):
    here = tmp_path / "here"
    for folder in ("shop_tasks", "app/shop/tasks"):
        (here / folder).mkdir(parents=True)
    (here / "shop_one.py").touch()
    (here / "app/shop/__init__.py").touch()
    monkeypatch.chdir(here)

    settings = on_import_path(settings_of(place))

    assert settings.tasks == (name,)
    assert sys.path[0] == str((here / root).resolve())


def test_several_packages_are_names_and_folders_separated_by_commas(settings_of, tmp_path, monkeypatch):
    for folder in ("one/shop_a", "two/shop_b", "shop_c"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    settings = on_import_path(settings_of("./one/shop_a, shop_c,./two/shop_b"))

    assert settings.tasks == ("shop_a", "shop_c", "shop_b")
    assert {str(tmp_path / "one"), str(tmp_path / "two")} <= set(sys.path)


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        ("./one/same,./two/same", "in place of ./two/same, because both have the name same. Rename one."),
        ("two,two.same", "TASKS: it lists two.same twice, because two has it. Leave it out."),
        ("./two,two", "TASKS: it lists two twice. Leave it out."),
        ("two,nosuch", "TASKS: there is no package 'nosuch'. "),
    ],
)
def test_packages_that_hide_or_repeat_each_other_end_the_program(
    settings_of, tmp_path, monkeypatch, capsys, tasks, sentence
):
    for name in ("one", "two"):
        (tmp_path / name / "same").mkdir(parents=True)
        (tmp_path / name / "same" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        on_import_path(settings_of(tasks))

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


BROKEN = "import no_such_library"


def test_a_package_that_is_broken_exists(settings_of):
    on_import_path(settings_of("package_one", __init__=BROKEN))
    on_import_path(settings_of("package_two", __init__="raise SystemExit"))
    (settings_of("package_three", __init__=BROKEN), settings_of("package_three.tasks", __init__=""))
    on_import_path(settings_of("package_three.tasks"))
    (settings_of("package_four", __init__="import os; os._exit(3)"), settings_of("package_four.tasks", __init__=""))
    on_import_path(settings_of("package_four.tasks"))  # nothing above it is imported here
    on_import_path(settings_of("folder_without_init", one="def one() -> int:\n    return 1"))


EMPTY = {
    "nothing": "",
    "only_imports": "from json import dumps",
    "only_private": "def _f() -> int:\n    return 1",
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_package_without_tasks_ends_the_worker_with_a_sentence(settings_of, capsys, kind):
    settings = settings_of(f"empty_{kind}", __init__=EMPTY[kind])

    with pytest.raises(SystemExit) as ended:
        exit_without_tasks(settings, discover(settings).catalog)

    assert ended.value.code == 2
    assert f"TASKS: the package empty_{kind} has no task. Write a function" in capsys.readouterr().err


def test_a_package_that_can_not_be_imported_ends_the_worker_with_the_reason(settings_of, capsys):
    settings = settings_of("package_broken", __init__=BROKEN)

    with pytest.raises(SystemExit) as ended:
        exit_without_tasks(settings, discover(settings).catalog)

    assert ended.value.code == 2
    assert "package_broken can't be imported: ModuleNotFoundError: No module named 'no_such" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["def one() -> int:\n    return 1", "def broken(a):\n    return 1", BROKEN])
def test_a_package_with_a_task_or_a_broken_one_is_served(settings_of, text):
    settings = settings_of(f"good_{len(text)}", __init__="", one=text)

    exit_without_tasks(settings, discover(settings).catalog)  # it ends nothing


def test_each_of_several_packages_has_tasks_and_a_broken_one_does_not_end_the_worker(settings_of, capsys):
    for name, text in (("pair_good", "def one(): ..."), ("pair_broken", BROKEN), ("pair_empty", "")):
        settings_of(name, __init__=text)
    served, refused = settings_of("pair_good,pair_broken"), settings_of("pair_good,pair_empty")

    exit_without_tasks(served, discover(served).catalog)  # it ends nothing
    with pytest.raises(SystemExit):
        exit_without_tasks(refused, discover(refused).catalog)

    assert "TASKS: the package pair_empty has no task." in capsys.readouterr().err
