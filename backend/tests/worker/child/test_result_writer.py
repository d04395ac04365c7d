"""What a task returns, and what is kept of it."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections import Counter, OrderedDict, UserDict, UserString, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum
from io import BufferedReader, BytesIO, StringIO, TextIOWrapper
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from taskdesk import File, Markdown, Table
from taskdesk.jobs.errors import UnstorableResult
from tests.worker.child.returned import Model, Scores, Secret

Point = namedtuple("Point", "x y")


class Color(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@dataclass
class Unset:
    a: int
    b: int = field(init=False)


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        [-(10**4299)],
        0.1,
        "é\n",
        "",
        [],
        {},
        {"a": [1, {"b": None}]},
        [[[]]],
        _nested(200),
        {"": {"/": "~"}},
    ],
)
def test_a_json_value_is_kept_as_it_is(write, value):
    assert write(value) == (value, "text" if isinstance(value, str) else "json")


def test_a_value_that_stands_in_two_places_is_kept_in_both(write):
    shared = {"day": dt.date(2026, 1, 2)}

    assert write([shared, shared, [shared]])[0] == [{"day": "2026-01-02"}] * 2 + [[{"day": "2026-01-02"}]]


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        (range(3), [0, 1, 2]),
        ({"r": range(0)}, {"r": []}),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ba"), ["a", "b"]),
        ({"x": [{1, 2}]}, {"x": [[1, 2]]}),
        ((1, (2,)), [1, [2]]),
        (deque([1, 2]), [1, 2]),
        (Point(1, 2), [1, 2]),
        ({"b": 1, "a": 2}.keys(), ["b", "a"]),
        ({"b": 1}.values(), [1]),
        ({"b": 1}.items(), [["b", 1]]),
        ((n for n in range(2)), [0, 1]),
        (map(str, [1]), ["1"]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=range(1)), {"a": [0]}),
        (UserDict({"a": 1}), {"a": 1}),
        (Color.RED, "red"),
        ([Size.BIG, Color.RED], [3, "red"]),
        ({Color.RED: 1, Size.BIG: 2}, {"red": 1, "3": 2}),
        (dt.date(2026, 1, 2), "2026-01-02"),
        ({dt.date(2026, 1, 2): 1, None: 2, 1.5: 3}, {"2026-01-02": 1, "None": 2, "1.5": 3}),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (dt.timedelta(days=1), "P1D"),
        (Scores(Scores(1)), {"mean": {"mean": 1, "files": None}, "files": None}),
        ([Model(at="2026-01-02")], [{"at": "2026-01-02", "path": None}]),
        ([b"ab"], ["YWI="]),
        (Path("no/such/file.txt").parts, ["no", "such", "file.txt"]),
        ([Path("no/such/file.txt")], ["no/such/file.txt"]),
        ([PurePosixPath("a/b"), PureWindowsPath("c:/d")], ["a/b", "c:\\d"]),
        (UserString("ab"), "ab"),
        ({"a": [UserString("ab")]}, {"a": ["ab"]}),
        (StringIO("text"), "text"),
        (Secret(inner={"n": {1}}), {"inner": {"n": [1]}, "key": "**********"}),
        ([Unset(1)], [{"a": 1}]),
    ],
)
def test_other_python_values_are_kept_as_json(write, returned, kept):
    assert write(returned)[0] == kept


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (math.nan, "The result holds NaN, which JSON does not have."),
        ({"scores": [1, 2, 3, {"mean": math.nan}]}, "The result at /scores/3/mean holds NaN"),
        ({"a": [math.inf]}, "The result at /a/0 holds an infinity"),
        ({"a/b": {"c~d": -math.inf}}, "The result at /a~1b/c~0d holds an infinity"),
        ([(1, math.nan)], "The result at /0/1 holds NaN"),
        pytest.param(
            math.factorial(2000),
            "The result is a whole number of more than 4,300 digits: return it as text.",
            id="huge",
        ),
        ({"n": [math.factorial(2000)]}, "The result at /n/0 is a whole number of more than 4,300 digits"),
        ((-(10**4300),), "The result at /0 is a whole number of more than 4,300 digits"),
        ("\ud800", "The result holds half of a surrogate pair"),
        ({"a": ["x", "\udfff"]}, "The result at /a/1 holds half of a surrogate pair"),
        ({"\ud800": 1}, "The result holds half of a surrogate pair"),
        ({"a": Markdown("\ud800")}, "The result at /a holds half of a surrogate pair"),
        (object(), "The result can't be kept as JSON: it is of the class object."),
        ({"a": {"b": [0, object()]}}, "The result at /a/b/1 can't be kept as JSON: it is of the class object."),
        ([SimpleNamespace()], "The result at /0 can't be kept as JSON: it is of the class types.SimpleNamespace."),
        (
            [BufferedReader(BytesIO(b"a"))],
            "The result at /0 can't be kept as JSON: it is of the class _io.BufferedReader",
        ),
        (
            {"f": [TextIOWrapper(BytesIO(b"a"))]},
            "The result at /f/0 can't be kept as JSON: it is of the class _io.TextIOWrap",
        ),
        (Path("/dev/null"), "The result is the file '/dev/null', which is no regular file."),
        ({frozenset([1]): 1}, "The result has a key of the class frozenset, which can't be text."),
        ([{"a": {b"\xff": 1}}], "The result at /0/a has a key of the class bytes, which can't be text."),
        ([sys.__stdout__], "The result at /0 can't be kept as JSON: it is of the class _io."),
        ([print], "The result at /0 can't be kept as JSON: it is of the class builtin_function_or_method."),
        (_nested(202), "is nested more than 200 deep."),
        (_nested(500), "is nested more than 200 deep."),
        ([{"a": (_nested(500),)}], "is nested more than 200 deep."),
        ({1: "int", "1": "str"}, "The result has two keys that are '1' in JSON: 1 and '1'."),
        ({"a": [{True: 1, "true": 2}]}, "The result at /a/0 has two keys that are 'true' in JSON: True and 'true'."),
        ({None: 1, "None": 2}, "The result has two keys that are 'None' in JSON: None and 'None'."),
        ({("a,b", "c"): 1, ("a", "b,c"): 2}, "The result has two keys that are 'a,b,c' in JSON"),
        ({object: 1}, "The result has a key of the class type, which can't be text."),
    ],
)
def test_a_refusal_names_the_place_and_the_true_reason(refused, returned, sentence):
    assert sentence in refused(returned)


def test_a_value_that_contains_itself_is_refused(refused):
    loop: list[Any] = [1]
    loop += [{"again": loop}, loop]

    assert refused({"a": loop}).startswith("The result at /a/1/again contains itself. ")


def test_a_huge_integer_is_refused_too_if_the_task_has_lifted_pythons_limit(refused):
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        assert "more than 4,300 digits" in refused([math.factorial(2000)])
        assert sys.get_int_max_str_digits() == 0
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    "returned", [{"text": "x" * 20}, "x" * 20, {"text": Markdown("x" * 20), "file": File("a", b"y")}]
)
def test_a_result_over_the_limit_is_kept_as_a_file_of_the_failed_job(write, store, returned):
    with pytest.raises(UnstorableResult, match=r"over the limit of 10 \(MAX_RESULT_BYTES\)") as caught:
        write(returned, max_bytes=10)

    kept = caught.value.files[0]
    assert (kept["filename"], kept["media_type"]) == ("result.json", "application/json")
    assert "x" * 20 in store.local_path("job", kept["artifact"]).read_text()
    assert str(caught.value).count("files are kept") == 1


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        ({"scores": [0.5, math.nan, -math.inf]}, '{"scores": [0.5, NaN, -Infinity]}'),
        (Table(["a"], [[math.inf], [math.nan]]), '{"columns": ["a"], "rows": [[Infinity], [null]]}'),
        ([10**4300, 1], f"[1{'0' * 4300}, 1]"),
        ({"a": "\ud800"}, '{"a": "\\ud800"}'),
        ({"fit": object(), "loss": 0.25}, '{"fit": null, "loss": 0.25}'),
        ({1: "int", "1": "str"}, '{"1": "int", "1 (1)": "str"}'),
    ],
)
def test_what_python_can_read_of_a_refused_result_is_kept_as_a_file(write, store, returned, kept):
    with pytest.raises(UnstorableResult, match=r"Its files are kept: 'result\.json'\.$") as caught:
        write(returned)

    [file] = caught.value.files
    assert store.local_path("job", file["artifact"]).read_text() == kept


def test_nothing_is_kept_of_a_result_that_is_nothing(refused, tmp_path):
    refused(object())

    assert not list(tmp_path.glob("artifacts/*/*/*"))


@pytest.mark.parametrize("empty", [math.nan, None, Decimal("NaN")])
def test_a_cell_without_a_value_is_empty(write, empty):
    assert write(Table(["a", "b"], [[1, empty], [empty, "x"]]))[0]["rows"] == [[1, None], [None, "x"]]


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (Table(["a"], [[1], [math.inf]]), "The result at /rows/1/0 holds an infinity"),
        ({"t": Table(["a", "b"], [[1, object()]])}, "The result at /t/rows/0/1 can't be kept as JSON"),
        ({"t": Table(["a"], [[{"x": math.nan}]])}, "The result at /t/rows/0/0/x holds NaN"),
    ],
)
def test_a_cell_is_refused_with_its_place(refused, returned, sentence):
    assert sentence in refused(returned)
