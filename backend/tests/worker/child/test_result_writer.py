"""What a task returns, and what is kept of it."""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
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

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from pydantic import BaseModel, SecretStr
from rq.timeouts import JobTimeoutException

from taskdesk import File, Markdown, Picture, Table, temporary_folder
from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.task import JobContext, enter_job
from taskdesk.worker.child.result_writer import ResultWriter

PNG = b"\x89PNG\r\n\x1a\n rest"
Point = namedtuple("Point", "x y")


class Color(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@dataclass
class Scores:
    mean: Any
    files: Any = None


class Model(BaseModel):
    at: dt.date
    path: Path | None = None


class Secret(BaseModel):
    inner: Any
    key: SecretStr = SecretStr("x")


@dataclass
class Unset:
    a: int
    b: int = field(init=False)


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "artifacts")


@pytest.fixture
def write(store):
    """Return the value and the kinds that are kept of what a task returns."""
    enter_job(JobContext("job"))

    def write(returned, max_bytes=10_000_000):
        content, kinds, _ = ResultWriter(store, "job", max_bytes).write(returned)
        return json.loads(content), json.loads(kinds)

    yield write
    enter_job(JobContext())


@pytest.fixture
def refused(write, tmp_path):
    """Return the sentence by which a returned value is refused; nothing of it may stay but its JSON."""

    def refused(returned, **options):
        with pytest.raises(UnstorableResult) as caught:
            write(returned, **options)
        assert {path.name for path in tmp_path.glob("artifacts/*/*/*") if path.is_file()} <= {"taskdesk-result.json"}
        return str(caught.value)

    return refused


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def _stored(file: str, size: int, media_type: str = "text/plain") -> dict[str, Any]:
    return {"artifact": file, "media_type": media_type, "size": size, "filename": file}


# Plain values


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
        (Secret(inner={"n": np.int64(1)}), {"inner": {"n": 1}, "key": "**********"}),
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
        (pd.DataFrame({"a": [1.5, np.inf]}), '{"columns": ["a"], "rows": [[1.5], [Infinity]]}'),
        (np.array([1.0, np.nan]), "[1.0, NaN]"),
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


def test_a_part_with_many_faults_costs_no_file_of_the_parts_beside_it(write, store):
    with pytest.raises(UnstorableResult, match="at /many/0 can't be kept"):
        write({"many": [object()] * 1000, "model": File("model.bin", b"x"), "loss": 0.5})

    assert store.local_path("job", "model.bin").read_bytes() == b"x"
    assert json.loads(store.local_path("job", "taskdesk-result.json").read_text())["loss"] == 0.5


# Libraries


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        (np.int64(3), 3),
        ({"n": np.int64(3)}, {"n": 3}),
        ({"a": {"b": [np.float32(0.5), np.bool_(True), np.uint8(7)]}}, {"a": {"b": [0.5, True, 7]}}),
        ({"a": np.float64(0.1), "b": np.longdouble(0.5), "c": np.float16(0.5)}, {"a": 0.1, "b": 0.5, "c": 0.5}),
        (np.arange(3), [0, 1, 2]),
        ([{"x": np.eye(2)}], [{"x": [[1.0, 0.0], [0.0, 1.0]]}]),
        (np.array(5), 5),
        (np.array(["a", None, dt.date(2026, 1, 2)], dtype=object), ["a", None, "2026-01-02"]),
        (np.array(["2026-01-02", "NaT"], dtype="datetime64[ns]"), ["2026-01-02T00:00:00", None]),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        ([np.timedelta64(1, "D"), np.timedelta64("NaT", "D")], ["P1D", None]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.str_("a"), "a"),
        (np.datetime64("12026"), "12026"),
        ([np.datetime64("2026-01-02T03:04:05.123456789")], ["2026-01-02T03:04:05.123456789"]),
        (np.array(["2026-01-02T00:00:00.000000001"], "M8[ns]"), ["2026-01-02T00:00:00.000000001"]),
        (np.array([1, 1_000], "m8[ns]"), ["1 nanoseconds", "PT0.000001S"]),
        (pd.Timestamp("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
        ([pd.Timedelta(1, "ns"), pd.Timedelta(1, "s")], ["P0DT0H0M0.000000001S", "PT1S"]),
        ([pd.Period("2026-01"), pd.Interval(0, 1)], ["2026-01", "(0, 1]"]),
        ({pd.Interval(0, 1): 1, pd.Period("2026-01"): 2}, {"(0, 1]": 1, "2026-01": 2}),
        ([np.dtype("int64"), pd.Int64Dtype()], ["int64", "Int64"]),
        (np.ma.array(np.array(["2026-01-02"], "M8[D]"), mask=[True]), [None]),
        (np.array([(1, "a")], dtype=[("n", int), ("s", "U1")]), [[1, "a"]]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (pd.MultiIndex.from_tuples([("a", 1)]), [["a", 1]]),
        ({np.int64(1): 2, np.str_("b"): 3}, {"1": 2, "b": 3}),
        (Scores(np.float32(0.5)), {"mean": 0.5, "files": None}),
        ([pd.NaT, pd.NA], [None, None]),
        (pd.NaT, None),
        ({"at": pd.Timestamp("2026-01-02 03:04")}, {"at": "2026-01-02T03:04:00"}),
        ([pd.Index(["a", "b"]), pd.Categorical(["x"])], [["a", "b"], ["x"]]),
        ([{"row": pd.Series([1], name="n")}], [{"row": {"columns": ["n"], "rows": [[1]]}}]),
    ],
)
def test_values_of_numpy_and_pandas_are_kept_as_what_they_stand_for(write, returned, kept):
    assert json.dumps(write(returned)[0]) == json.dumps(kept)  # 1 is not True


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ({"a": np.array([1.0, np.nan])}, "The result at /a/1 holds NaN"),
        ({"a": {"b": [np.float32("inf")]}}, "The result at /a/b/0 holds an infinity"),
        ({np.int64(1): "a", 1.0: "b", "1": "c"}, "has two keys that are '1' in JSON"),
    ],
)
def test_a_value_of_numpy_is_refused_with_its_place(refused, returned, sentence):
    assert sentence in refused(returned)


@pytest.mark.parametrize(
    ("returned", "columns", "rows"),
    [
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), ["a", "b"], [[1, "x"], [2, None]]),
        (pd.DataFrame({"a": [1.5, np.nan]}), ["a"], [[1.5], [None]]),
        (pd.DataFrame({"a": [1]}, index=["x"]), ["index", "a"], [["x", 1]]),
        (pd.DataFrame({"a": [1, 2]})[lambda frame: frame.a > 1], ["index", "a"], [[1, 2]]),
        (pd.DataFrame({"k": ["x", "x"], "v": [1, 2]}).groupby("k").sum(), ["k", "v"], [["x", 3]]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ["a", "a"], [[1, 2]]),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), ["a / b"], [[1]]),
        (
            pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("x", 2)], names=["k", None])),
            ["k", "index", "v"],
            [["x", 2, 1]],
        ),
        (pd.DataFrame({"t": pd.to_datetime(["2026-01-02", None])}), ["t"], [["2026-01-02T00:00:00"], [None]]),
        (pd.DataFrame(), [], []),
        (pd.DataFrame({"p": pd.period_range("2026-01", periods=1, freq="M")}), ["p"], [["2026-01"]]),
        (pd.DataFrame({"d": [pd.Timedelta("1h"), pd.NaT]}), ["d"], [["PT1H"], [None]]),
        (pd.DataFrame({"c": pd.Categorical(["x", None])}), ["c"], [["x"], [None]]),
        (pd.DataFrame({"i": pd.array([1, None], dtype="Int64")}), ["i"], [[1], [None]]),
        (pd.DataFrame({"a": [1]}).dtypes, ["index", "value"], [["a", "int64"]]),
        (pd.DataFrame({"a": [1]}, index=pd.interval_range(0, 1)), ["index", "a"], [["(0, 1]", 1]]),
        (pd.Series([1, 2]), ["value"], [[1], [2]]),
        (pd.Series([1], index=["x"], name="n"), ["index", "n"], [["x", 1]]),
        (pd.Series(["b", "b"]).value_counts(), ["index", "count"], [["b", 2]]),
    ],
)
def test_a_frame_or_series_of_pandas_is_a_table(write, returned, columns, rows):
    assert write(returned) == ({"columns": columns, "rows": rows}, "table")


def test_a_frame_in_a_dict_is_a_part(write):
    value, kinds = write({"frame": pd.DataFrame({"a": [1]}), 5: "text"})

    assert kinds == {"frame": "table", "5": "text"}
    assert value == {"frame": {"columns": ["a"], "rows": [[1]]}, "5": "text"}


def test_a_picture_of_pil_is_kept_as_png_at_any_depth(write, store):
    value, kinds = write({"badge": Image.new("CMYK", (2, 1)), "more": [Image.new("L", (1, 1))]})

    assert kinds == {"badge": "picture", "more": ["json", "/0"]}
    assert [value["badge"]["filename"], value["more"][0]["filename"]] == ["badge.png", "0.png"]
    assert store.local_path("job", "badge.png").read_bytes().startswith(PNG[:8])


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "I", "I;16", "F"]
)
def test_a_picture_of_any_mode_is_kept(write, store, mode):
    value, kinds = write(Image.new(mode, (3, 2)))

    with Image.open(store.local_path("job", value["artifact"])) as image:
        assert (kinds, image.size, image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")) == (
            "picture",
            (3, 2),
            True,
        )


def test_bytes_of_a_buffer_are_a_picture_or_a_file(write):
    value, kinds = write({"plot": BytesIO(PNG), "deep": [BytesIO(b"x")]})

    assert (kinds, value["plot"]["filename"], value["deep"]) == (
        {"plot": "picture", "deep": "json"},
        "plot.png",
        ["eA=="],
    )


def test_bytes_in_a_value_are_standard_base64(write):
    assert write({"a": [b"\xff\xfe", bytearray(b"\xff")], "m": Secret(inner=b"\xff\xef")})[0] == {
        "a": ["//4=", "/w=="],
        "m": {"inner": "/+8=", "key": "**********"},
    }


def test_the_axes_of_a_plot_stand_for_their_figure(write, store):
    axes = Figure().subplots()
    axes.plot([1, 2])
    value, kinds = write({"axes": axes, "deep": [axes]})

    assert kinds == {"axes": "picture", "deep": ["json", "/0"]}
    assert store.local_path("job", value["deep"][0]["artifact"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("place", ["", "/0", "/a/b"])
def test_a_picture_that_can_not_be_made_is_refused_with_its_place_and_costs_no_file(write, store, place):
    figure = Figure()
    figure.text(0, 0, r"$\frac{$")
    for broken in (Image.new("RGB", (0, 0)), figure):
        returned = {"": broken, "/0": [broken], "/a/b": {"a": {"b": broken}, "model": File("model.bin", b"x")}}[place]
        with pytest.raises(UnstorableResult) as caught:
            write(returned)

        assert str(caught.value).startswith(f"The result {f'at {place} ' if place else ''}can't be kept: ")
        assert [file["filename"] for file in caught.value.files[1:]] == ["model.bin"] * (place == "/a/b")


@pytest.mark.parametrize("key", [frozenset([1]), b"\xff", 10**5000, object], ids=["set", "bytes", "huge", "class"])
def test_a_key_that_is_no_text_costs_no_file(write, store, key):
    for returned in ({key: 1, "model": File("model.bin", b"x")}, [{key: [File("model.bin", b"x")]}]):
        with pytest.raises(UnstorableResult, match="has a key of the class"):
            write(returned)
        assert store.local_path("job", "model.bin").read_bytes() == b"x"


def test_frames_of_polars_are_tables(write):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, None], "b": [1.5, math.nan]})

    assert write({"a": frame, "b": frame["a"]}) == (
        {
            "a": {"columns": ["a", "b"], "rows": [[1, 1.5], [None, None]]},
            "b": {"columns": ["a"], "rows": [[1], [None]]},
        },
        {"a": "table", "b": "table"},
    )


def test_tables_of_arrow_are_tables_and_its_arrays_are_lists(write):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"a": [1, None]})

    assert write({"a": table, "b": [table["a"], arrow.scalar(5)]}) == (
        {"a": {"columns": ["a"], "rows": [[1], [None]]}, "b": [[1, None], 5]},
        {"a": "table", "b": "json"},
    )


def test_no_library_is_imported_for_a_result():
    script = (
        "import sys; from taskdesk.worker.child.result_pass import ResultPass;"
        "ResultPass().result([{1, 2}, {3: b'x'}]);"
        "print({'numpy', 'pandas', 'PIL', 'matplotlib'} & set(sys.modules))"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ended.stdout == "set()\n"


# Tables


@pytest.mark.parametrize(
    "empty", [math.nan, None, pd.NaT, pd.NA, np.float32("nan"), np.datetime64("NaT", "s"), Decimal("NaN")]
)
def test_a_cell_without_a_value_is_empty(write, empty):
    assert write(Table(["a", "b"], [[1, empty], [empty, "x"]]))[0]["rows"] == [[1, None], [None, "x"]]


def test_the_rows_of_itertuples_are_a_table(write):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]})

    value, kind = write(Table(frame.columns, frame.itertuples(index=False)))

    assert (kind, value) == ("table", {"columns": ["a", "b"], "rows": [[1, 0.5], [2, None]]})


def test_a_row_may_be_an_array_and_a_cell_anything(write):
    value, _ = write({"parts": Table(["a", "b"], [np.arange(2), [dt.date(2026, 1, 2), {"x": {1}}]])})

    assert value["parts"]["rows"] == [[0, 1], ["2026-01-02", {"x": [1]}]]


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


# Files


def test_files_are_found_at_any_depth(write, store):
    folder = temporary_folder()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)

    both = [_stored("a.txt", 5), _stored("b.txt", 5)]
    assert write([folder / "a.txt", folder / "b.txt"]) == (both, ["json", "/0", "/1"])
    assert write({"x/y": Markdown("a"), "more": {"p": folder / "a.txt"}})[1] == {
        "x/y": "markdown",
        "more": ["json", "/p"],
    }
    value, kinds = write({"out": {"file": folder / "a.txt"}, "n": 1})
    assert (value, kinds) == ({"out": {"file": _stored("a.txt", 5)}, "n": 1}, ["json", "/out/file"])
    assert store.local_path("job", "a.txt").read_bytes() == b"a.txt"
    assert write(Scores(1, (folder / "b.txt",)))[0] == {"mean": 1, "files": [_stored("b.txt", 5)]}
    assert write([Model(at="2026-01-02", path=folder / "a.txt")])[0][0]["path"] == _stored("a.txt", 5)
    assert write(Table(["file"], [[folder / "a.txt"]]))[0]["rows"] == [[_stored("a.txt", 5)]]


def test_two_files_of_one_name_are_kept_apart(write, store):
    value, _ = write([File("a.txt", b"1", "text/plain"), [File("a.txt", b"2", "text/plain")]])

    assert [value[0]["artifact"], value[1][0]["artifact"]] == ["a.txt", "file-1.txt"]
    assert store.local_path("job", "file-1.txt").read_bytes() == b"2"


def test_pictures_files_and_markdown_are_kept_at_any_depth(write):
    value, kinds = write({"a": [Picture(b"<svg/>"), {"b": Picture(PNG)}, Markdown("# c"), File("d", b"")]})

    assert kinds == ["json", "/a/0", "/a/1/b", "/a/3"]
    assert [value["a"][0]["filename"], value["a"][1]["b"]["filename"]] == ["0.svg", "b.png"]
    assert value["a"][2:] == ["# c", _stored("d", 0, "application/octet-stream")]


@pytest.mark.parametrize(
    ("returned", "kind", "filename", "media_type"),
    [
        (PNG, "picture", "result.png", "image/png"),
        (b" <svg></svg>", "picture", "result.svg", "image/svg+xml"),
        (b"x", "file", "result.bin", "application/octet-stream"),
        (bytearray(b"x"), "file", "result.bin", "application/octet-stream"),
        (File("a.xyz", b"x", None), "file", "a.xyz", "application/octet-stream"),
    ],
)
def test_bytes_are_a_picture_or_a_file(write, returned, kind, filename, media_type):
    value, kinds = write(returned)

    assert (kinds, value["filename"], value["media_type"]) == (kind, filename, media_type)


def test_a_file_of_the_job_that_does_not_exist_is_refused(refused):
    folder = temporary_folder()

    assert f"The result at /a/0 is the file '{folder}/x', which does not exist. " in refused({"a": [folder / "x"]})
    assert "which is a folder: return its files, or an archive" in refused({"a": {"b": folder}})
    assert "which is a folder" in refused(folder)


@pytest.mark.parametrize(
    ("returned", "place"),
    [
        ({"file": File("model.bin", b"x"), "score": math.nan}, "The result at /score holds NaN"),
        ({"score": object(), "file": File("model.bin", b"x")}, "The result at /score can't be kept"),
        ({"a": Path("/nowhere"), "file": File("model.bin", b"x")}, "The result at /a is the file '/nowhere'"),
        ({1: File("model.bin", b"x"), "1": 2}, "The result has two keys that are '1' in JSON"),
        ({"1": 2, 1: [File("model.bin", b"x")]}, "The result has two keys that are '1' in JSON"),
        ([{"a": {1: 2, "1": 3}}, [File("model.bin", b"x")]], "The result at /0/a has two keys"),
        (
            {"gone": File("a", Path("/nowhere")), "file": File("model.bin", b"x")},
            "The result at /gone is the file '/nowhere'",
        ),
    ],
)
def test_the_files_of_a_refused_result_are_kept(write, store, returned, place):
    with pytest.raises(UnstorableResult) as caught:
        write(returned)

    assert str(caught.value).startswith(place)
    assert str(caught.value).endswith(" Its files are kept: 'result.json', 'model.bin'.")
    assert [file["artifact"] for file in caught.value.files] == ["taskdesk-result.json", "model.bin"]
    assert store.local_path("job", "model.bin").read_bytes() == b"x"


def test_a_time_limit_leaves_no_file(write, tmp_path):
    def late():
        yield File("a.txt", b"x")
        raise JobTimeoutException

    with pytest.raises(JobTimeoutException):
        write([File("a.txt", b"x"), late()])

    assert not list(tmp_path.glob("artifacts/*/*/a.txt"))
