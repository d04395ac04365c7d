"""Discovery: from signatures to the catalog, and what is broken is said."""

from __future__ import annotations

import pytest

from taskdesk.jobs.catalog import Catalog
from taskdesk.worker.discovery import describe, discover
from taskdesk.worker.settings import WorkerSettings
from tests.sample_tasks.good import echo


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


NAMES = {
    "from os.path import join\ndef _helper(): ...\ndef public(): ...": ["public"],
    "def new(): ...\nold = new": ["new", "old"],
    "c = lambda: 1": ["c"],
    "def _helper(): ...\nrun = _helper": ["run"],
    "from some_tasks._tools import tool\nrun = tool": ["run"],
    "from some_tasks._tools import tool": [],
    "from some_tasks._tools import *": [],
    "from some_tasks._tools import unwrapped\n@unwrapped\ndef one(): ...\n@unwrapped\ndef two(): ...": ["one", "two"],
    "from some_tasks._tools import tool, unwrapped\nrun = unwrapped(tool)": ["run"],
    "from functools import wraps\ndef _d(f):\n @wraps(f)\n def g(): ...\n return g\n@_d\ndef f(): ...": ["f"],
    "from functools import cache, lru_cache\n@cache\ndef a(): ...\n@lru_cache(3)\ndef b(): ...": ["a", "b"],
    "from functools import cache\ndef _load(): ...\nload = cache(_load)": ["load"],
    "from functools import partial\ndef _f(x: int): ...\ng = partial(_f, 1)\nh = partial(_f, x=2)": ["g", "h"],
    "class _Run:\n def __call__(self, x: int): ...\n def go(self): ...\nrun = _Run()\ngo = _Run().go": ["go", "run"],
    "class Thing:\n def __call__(self): ...\nSame = Thing": [],
    "try:\n from fast_library import run\nexcept ImportError:\n def run(): ...": ["run"],
    "if True:\n def a(): ...\nexec('def b(): ...')\nglobals()['c'] = lambda: 1": ["a", "b", "c"],
    "import json, logging, re\ndumps = json.dumps\nwarn = logging.getLogger().warning\nfind = re.compile('a').find"
    "all": [],
    "import other_library\nfrom taskdesk import task\nf = other_library.tool\ng = task(queue='low')(f)": ["f", "g"],
    "import other_library\nf = other_library.tool": [],
    "import other_library\nfrom functools import partial\nf = partial(other_library.tool)": ["f"],
    "from typing import *\nA = Literal[1]\nB = NewType('B', int)\nC = TypeVar('C')\nD = list[int]\nE = int | None": [],
    "import flask\nfrom werkzeug.local import LocalProxy\na, b = flask.Flask('a'), LocalProxy(lambda: 1 / 0)": [],
    "from contextlib import contextmanager\n@contextmanager\ndef around_job(): yield\ndef f(): ...": ["f"],
}  # fmt: skip


@pytest.mark.parametrize("source", NAMES)
def test_each_public_function_that_a_file_gives_a_name_to_is_a_task_of_that_name(discover_source, source):
    tools = "def tool(): ...\ndef unwrapped(function):\n  def wrapper(): return function()\n  return wrapper\n"

    registry = discover_source(**{"one": source, "_tools": tools, "../other_library": tools})

    assert sorted(registry.catalog.tasks) == NAMES[source]
    assert sorted(registry.tasks) == [f"some_tasks.{name}" for name in NAMES[source]]
    assert registry.catalog.broken == []


def test_files_are_found_at_any_depth_and_those_with_an_underscore_hold_helpers(discover_source):
    source = "def {}(): ..."
    paths = ["__init__", "one", "reports/monthly", "reports/_helpers", "_old/file", "a/__init__", "a/b/c/deep"]

    registry = discover_source(
        **{path: source.format(path.replace("/", "_").strip("_")) for path in paths}, **{"data-2/x": "def x(): ..."}
    )

    assert sorted(registry.catalog.tasks) == ["a___init", "a_b_c_deep", "init", "one", "reports_monthly"]
    assert registry.catalog.broken == []


def test_one_function_under_one_name_in_two_files_is_one_task(discover_source):
    registry = discover_source(a="def f(): ...", b="from some_tasks.a import f as it\nf = it")

    assert list(registry.tasks) == ["some_tasks.f"]
    assert registry.catalog.broken == []


TITLES = {
    'def make_it(): " "': "Make it",
    'def make_it():\n  """\n    \n    """': "Make it",
    "def make_it(): ...": "Make it",
    "def _f(): 'Its own.'\nmake_it = _f": "Its own.",
    "from functools import partial\ndef _f(x: int): 'Its own.'\nmake_it = partial(_f, 1)": "Its own.",
    "from functools import cache\n@cache\ndef make_it(): 'Its own.'": "Its own.",
    "class _C:\n  'Its own.'\n  def __call__(self): 'Other.'\nmake_it = _C()": "Its own.",
    "class _C:\n  def __call__(self): 'Its own.'\nmake_it = _C()": "Its own.",
    "make_it = lambda: 1": "Make it",
}


@pytest.mark.parametrize("source", TITLES)
def test_a_title_is_the_docstring_or_else_the_name_in_words(discover_source, source):
    spec = discover_source(one=source).catalog.tasks["make_it"]

    assert (spec.title, spec.description) == (TITLES[source], "")


def test_a_task_made_from_another_keeps_its_options(discover_source):
    source = (
        "from functools import cache, partial\nfrom taskdesk import task\n@task(queue='low')\ndef f(n: int): ...\n"
        "g = partial(f, 1)\nh = cache(f)\nclass _C:\n  @task(queue='low')\n  def __call__(self): ...\ni = _C()"
    )

    tasks = discover_source(one=source).catalog.tasks

    assert {name: spec.queue for name, spec in tasks.items()} == dict.fromkeys("fghi", "low")


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("from functools import partial\ndef _f(a: int, b: int): return a - b\nrun = partial(_f, 5)", 3),
        ("from functools import partial\ndef _f(b: int, a: int): return a - b\nrun = partial(_f, a=4)", 2),
        ("from functools import cache\n@cache\ndef run(b: int): return b", 2),
        ("class _C:\n  def __call__(self, b: int): return b + 1\nrun = _C()", 3),
        ("class _C:\n  def f(self, b: int): return b + 2\nrun = _C().f", 4),
    ],
)
def test_a_task_of_any_kind_gets_its_arguments_by_name(discover_source, source, result):
    loaded = discover_source(one=source).tasks["some_tasks.run"]

    assert loaded.function(**loaded.validate({"b": 2})) == result


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
        ("async def f():\n yield 1", "it is an async generator"),
        ("from pathlib import Path\ndef f(x: Path): ...", "annotate it as taskdesk.AnyFile"),
        ("from taskdesk import CsvFile\ndef f(x: set[CsvFile]): ...", "that is no upload"),
        ("from taskdesk import CsvFile\ndef f(x: tuple[CsvFile, CsvFile]): ...", "or as a list of one of these"),
        ("from taskdesk import CsvFile\ndef f(x: list[list[CsvFile]]): ...", "that is no upload"),
        ("from taskdesk import CsvFile\ndef f(x: list[CsvFile | None]): ...", "that is no upload"),
        ("from taskdesk import CsvFile\ndef f(x: dict[str, CsvFile]): ...", "that is no upload"),
        ("from taskdesk import CsvFile\ndef f(**x: CsvFile): ...", "that is no upload"),
        ("from pathlib import Path\ndef f(x: list[Path]): ...", "that is no upload"),
        (
            "from pathlib import Path; from pydantic import BaseModel\nclass M(BaseModel):\n p: Path\ndef f(m: M): ...",
            "no upload",
        ),
        ("from pathlib import Path\ndef f(x: dict[str, Path] | None = None): ...", "that is no upload"),
        ("from taskdesk import task\n@task(queue='nowhere')\ndef f(): ...", "its queue 'nowhere' is none of high"),
        (
            "from taskdesk import task\n@task(at_most_once=True, retries=1)\ndef f(): ...",
            "both at_most_once and retries",
        ),
        ("def f(x: 'Undefined'): ...", "Undefined"),
        ("def works(): ...", "another module has a task named 'works' (some_tasks.a_good.works): rename one"),
        ("def _d(f): pass\n@_d\ndef f(): ...", "it is no function but None: let its decorator return one"),
    ],
)
def test_what_is_broken_is_announced_with_the_reason_and_the_others_work(discover_source, source, reason):
    registry = discover_source(a_good="def works(): ...", bad=source)

    assert list(registry.tasks) == ["some_tasks.works"]
    [broken] = registry.catalog.broken
    assert broken.module.startswith("some_tasks.bad")
    assert reason in broken.error


DECLARATIONS = {
    "backoff=10": "its backoff is 10: write one as in backoff=Backoff(first=10",
    "backoff=Backoff(first=-1)": "its backoff can't be used, because its first is -1: it has to be a number from 0 on",
    "backoff=Backoff(first='1')": "because its first is '1'",
    "backoff=Backoff(factor=0.5)": "because its factor is 0.5: it has to be a number from 1 on",
    "backoff=Backoff(first=60, most=10)": "because its most is 10: it has to be a number from 60 on",
    "backoff=Backoff(most=float('inf'))": "because its most is inf",
    "retry_on=('OSError',)": "its retry_on has 'OSError', which is no exception: give classes, as in retry_on=(OSE",
    "retry_on=()": "its retry_on has no exception",
    "give_up_on=[ValueError]": "its give_up_on has [<class 'ValueError'>], which is no exception",
    "give_up_on=(int,)": "its give_up_on has <class 'int'>",
    "grace=3601": "its grace of 3,601 s is over the 3,600 s that a stop may take (setting STOP_LIMIT)",
    "grace=-1": "its grace is -1: give a whole number of seconds from 0",
    "grace='1h'": "its grace is '1h'",
    "notify='no channel'": "its notify is 'no channel': give the name of a channel of ALERTS_FILE",
    "notify=5": "its notify is 5",
    "retries=-1": "its retries are -1: give a whole number from 0",
    "retries='3'": "its retries are '3'",
}


@pytest.mark.parametrize("options", DECLARATIONS)
def test_an_option_that_is_no_good_breaks_its_task_with_a_sentence(discover_source, options):
    retries = "" if "retries" in options else "retries=3, "
    source = f"from taskdesk import Backoff, task\n@task({retries}{options})\ndef f(): ...\ndef works(): ..."

    registry = discover_source(one=source)

    assert list(registry.tasks) == ["some_tasks.works"]
    assert DECLARATIONS[options] in registry.catalog.broken[0].error


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


@pytest.mark.parametrize(("queues", "queue"), [("high,default", "default"), ("words,mail", "words")])
def test_a_task_that_declares_no_queue_has_the_default_one_or_else_the_first(queues, queue):
    settings = WorkerSettings(queues=queues, tasks="tests.sample_tasks", _env_file=None)

    assert describe("tests.sample_tasks.echo", echo, settings).spec.queue == queue
