"""The place of a failure: the innermost frame of the author's own code."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from taskdesk.worker.failure import Failure

HELPERS = """
import json

def parse(text):
    return json.loads(text)

class Model:
    def fit(self, rows):
        return max(row["x"] for row in rows)
"""
TASKS = """
import statistics
from own_package import helpers

def of_the_library(): statistics.mean([])
def of_a_helper(): helpers.parse("{")
def of_a_method(): helpers.Model().fit([{}])
def of_a_cause():
    try:
        helpers.parse("{")
    except ValueError as error:
        raise RuntimeError("no input") from error
def of_made_code(): exec("1 / 0")
"""


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A function of a package of an author."""
    folder = tmp_path / "own_package"
    (folder / "reports").mkdir(parents=True)
    for name, source in {"__init__": "", "helpers": HELPERS, "reports/__init__": TASKS}.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda name: getattr(importlib.import_module("own_package.reports"), name)
    for name in [name for name in sys.modules if name.startswith("own_package")]:
        del sys.modules[name]


def failure_of(function, *packages):
    try:
        function()
    except BaseException as error:
        return Failure.of(error, 0, packages)


@pytest.mark.parametrize("packages", [("own_package.reports",), ("other",)])
@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("of_the_library", "own_package/reports/__init__.py:of_the_library"),
        ("of_a_helper", "own_package/helpers.py:parse"),
        ("of_a_method", "own_package/helpers.py:Model.fit.<locals>.<genexpr>"),
        ("of_a_cause", "own_package/reports/__init__.py:of_a_cause"),
    ],
)
def test_the_place_is_the_innermost_of_the_authors_code(task, name, frame, packages):
    failure = failure_of(task(name), *packages)

    assert failure.frame == frame
    assert json.loads(failure.error)["line"] == failure.line > 1


def test_an_installed_package_of_tasks_is_the_authors_code(monkeypatch, tmp_path, task):
    place = tmp_path / "lib" / "site-packages"
    place.mkdir(parents=True)
    (tmp_path / "own_package").rename(place / "own_package")
    monkeypatch.syspath_prepend(str(place))

    assert failure_of(task("of_a_helper"), "own_package.reports").frame == "own_package/helpers.py:parse"
    assert failure_of(task("of_a_helper"), "another").frame.startswith("tests/worker/test_own_code.py:")


def test_an_error_of_our_own_has_no_place():
    failure = Failure.of(ValueError("never raised"), 0, ("tasks",))

    assert (failure.frame, failure.line) == ("", 0)
    assert "frame" not in json.loads(failure.error)


def test_code_that_the_task_makes_counts_as_its_own(task):
    assert failure_of(task("of_made_code"), "own_package").frame.endswith(":<module>")
