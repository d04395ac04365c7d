"""`task_lookup`: `package.task` is the function, whichever file of the package defines it."""

from __future__ import annotations

import importlib
import sys

import pytest
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of tasks with files that can't be imported, which come first."""
    files = {
        "__init__": "from taskdesk import task_lookup\n__getattr__ = task_lookup(__name__)\ndef top(): return 'top'",
        "a_exits": "import sys; sys.exit(1)",
        "b_is_interrupted": "raise KeyboardInterrupt",
        "c_has_errors": "1 / 0",
        "_private": "def hidden(): ...",
        "d_good": "def _helper(): return 'helper'\nrun = _helper\nold = run",
        "reports/monthly": "from os.path import join\ndef report(): return 'report'",
    }
    for name, source in files.items():
        path = tmp_path / "looked_up" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("looked_up")
    for name in [name for name in sys.modules if name.startswith("looked_up")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "result"), [("top", "top"), ("run", "helper"), ("old", "helper"), ("report", "report")]
)
def test_a_task_is_an_attribute_of_its_package_whatever_other_files_raise(package, name, result):
    assert getattr(package, name)() == result


@pytest.mark.parametrize("name", ["missing", "hidden", "join", "_helper", "around_job"])
def test_what_is_no_task_is_no_attribute(package, name):
    with pytest.raises(AttributeError, match=f"The package looked_up has no task {name}"):
        getattr(package, name)


def test_the_error_names_the_files_that_cannot_be_imported(package):
    with pytest.raises(AttributeError) as caught:
        _ = package.missing

    for reason in ("a_exits cannot be imported: SystemExit(1)", "KeyboardInterrupt()", "ZeroDivisionError("):
        assert reason in str(caught.value)


def test_names_with_an_underscore_import_nothing(package):
    assert not hasattr(package, "__wrapped__")
    assert "looked_up.d_good" not in sys.modules


@pytest.mark.parametrize(("name", "result"), [("top", "top"), ("run", "helper"), ("report", "report")])
def test_a_stock_worker_runs_a_task_by_its_reference(package, redis, name, result):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    job = queue.enqueue(f"looked_up.{name}")

    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="WARNING")

    assert (job.get_status(), job.return_value()) == ("finished", result)
