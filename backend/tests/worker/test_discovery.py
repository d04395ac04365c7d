"""Discovery: from signatures to the catalog, and what is broken is said."""

from __future__ import annotations

import sys

import pytest

from taskdesk.jobs.catalog import Catalog
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings


@pytest.fixture
def discover_source(tmp_path, monkeypatch):
    """Write a package of tasks, and discover it."""

    def discover_files(**files: str):
        package = tmp_path / "some_tasks"
        package.mkdir()
        for name, source in {"__init__": "", **files}.items():
            (package / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        registry = discover(WorkerSettings(tasks="some_tasks", _env_file=None))
        for name in [name for name in sys.modules if name.startswith("some_tasks")]:
            del sys.modules[name]
        return registry

    return discover_files


def test_a_public_function_is_a_task_with_title_text_and_schema(discover_source):
    registry = discover_source(
        mail='def send(to: str, copies: int = 1):\n    """Send a mail.\n\n    To one address.\n    """\n'
    )

    spec = registry.tasks["some_tasks.send"].spec
    assert (spec.name, spec.title, spec.description, spec.queue) == (
        "send",
        "Send a mail.",
        "To one address.",
        "default",
    )
    assert spec.input_schema["required"] == ["to"]
    assert spec.parameters["copies"] == {"default": 1, "title": "Copies", "type": "integer"}
    assert spec.input_schema["additionalProperties"] is False


def test_private_and_imported_functions_are_no_tasks(discover_source):
    registry = discover_source(one="from os.path import join\ndef _helper(): ...\ndef public(): ...\n")

    assert list(registry.tasks) == ["some_tasks.public"]


def test_an_uploaded_file_is_announced_as_one(discover_source):
    registry = discover_source(one="from taskdesk import CsvFile\ndef load(table: CsvFile | None = None): ...\n")

    assert registry.tasks["some_tasks.load"].spec.file_parameters == {
        "table": {"type": "string", "format": "binary", "contentMediaType": "text/csv", "extensions": [".csv"]}
    }


@pytest.mark.parametrize(
    ("returned", "schema"),
    [
        ("list[int]", {"type": "array", "items": {"type": "integer"}}),
        ("None", {"type": "null"}),
        ("Markdown", {"type": "string", "contentMediaType": "text/markdown"}),
        ("Any", None),
        ("File", None),
        ("Path", None),
        ("Picture | None", None),
        ("Thread", None),
        ("'list[Tree]'", None),
    ],
)
def test_what_a_task_says_to_return_is_announced_if_it_is_json(discover_source, returned, schema):
    imports = (
        "from pathlib import Path\nfrom threading import Thread\nfrom typing import Any, TypedDict\n"
        "from taskdesk import File, Markdown, Picture\nTree = TypedDict('Tree', {'inner': 'Tree'})\n"
    )

    registry = discover_source(one=f"{imports}def says() -> {returned}: ...\ndef silent(): ...\n")

    assert registry.tasks["some_tasks.says"].spec.output_schema == schema
    assert registry.tasks["some_tasks.silent"].spec.output_schema is None


def test_a_catalog_from_before_results_were_announced_can_be_read(discover_source):
    catalog = discover_source(one="def f() -> int: ...").catalog
    older = catalog.model_dump_json(exclude={"tasks": {"f": {"output_schema"}}})

    assert Catalog.model_validate_json(older).tasks["f"].output_schema is None


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def broken(:\n", "SyntaxError: invalid syntax (bad.py, line 1)"),
        ("x = 1\nimport not_installed_at_all\n", "No module named 'not_installed_at_all' (bad.py, line 2)"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys\ndef main(): return 1\nsys.exit(main())", "SystemExit: 1 (bad.py, line 3)"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', required=True)\np.parse_args([])",
            "SystemExit: 2",
        ),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Gone(BaseException): ...\nraise Gone('for good')", "Gone: for good (bad.py, line 2)"),
        ("class Mute(Exception):\n def __str__(self): raise SystemExit\nraise Mute", "Mute:  (bad.py, line 3)"),
        ("def f(x): ...", "its parameter 'x' has no type"),
        ("def f(*args: str): ...", "'args' has no name of its own"),
        ("from pathlib import Path\ndef f(x: Path): ...", "annotate it as taskdesk.AnyFile"),
        ("from taskdesk import CsvFile\ndef f(x: list[CsvFile]): ...", "has a Path that is no upload"),
        (
            "from pathlib import Path; from pydantic import BaseModel\nclass M(BaseModel):\n p: Path\ndef f(m: M): ...",
            "no upload",
        ),
        ("from pathlib import Path\ndef f(x: dict[str, Path] | None = None): ...", "has a Path that is no upload"),
        ("from taskdesk import task\n@task(queue='nowhere')\ndef f(): ...", "its queue 'nowhere' is none of high"),
        (
            "from taskdesk import task\n@task(at_most_once=True, retries=1)\ndef f(): ...",
            "both at_most_once and retries",
        ),
        ("def f(x: 'Undefined'): ...", "Undefined"),
        ("def works(): ...", "another module has a task named 'works'"),
    ],
)
def test_what_is_broken_is_announced_with_the_reason_and_the_others_work(discover_source, source, reason):
    registry = discover_source(a_good="def works(): ...", bad=source)

    assert list(registry.tasks) == ["some_tasks.works"]
    [broken] = registry.catalog.broken
    assert broken.module.startswith("some_tasks.bad")
    assert reason in broken.error


def test_a_package_that_finds_its_tasks_by_name_is_not_asked_for_what_it_does_not_define(discover_source):
    package = (
        "from importlib import import_module as of\ndef __getattr__(name): return vars(of('some_tasks.bad'))[name]"
    )
    registry = discover_source(__init__=package, a_good="def works(): ...", bad="raise SystemExit(3)")

    assert list(registry.tasks) == ["some_tasks.works"]
    assert [broken.module for broken in registry.catalog.broken] == ["some_tasks.bad"]


def test_a_package_that_is_not_there_is_announced_as_broken():
    registry = discover(WorkerSettings(tasks="no_such_package", _env_file=None))

    assert registry.tasks == {}
    assert registry.catalog.broken[0].module == "no_such_package"


def test_the_same_tasks_have_the_same_digest_and_other_tasks_another(discover_source, tmp_path):
    one = discover_source(a="def f(x: int): ...")
    assert one.catalog.digest == one.catalog.model_copy().digest
    assert one.catalog.digest != one.catalog.model_copy(update={"tasks": {}}).digest
