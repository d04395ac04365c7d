"""What a task returns of numpy, pandas, Pillow, matplotlib, polars and Arrow, and what is kept of it.

The libraries are imported when a test needs them: the processes of pytest-xdist collect all tests, and a worker that a
test starts is forked from them.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from taskdesk import File, Table
from taskdesk.jobs.errors import UnstorableResult
from tests.worker.child.returned import PNG, Scores, Secret


class Lazy:
    """A module that is imported at its first use. pytest asks each name of a file for private attributes."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(import_module(self._name), name)


np, pd, figure, Image = (Lazy(name) for name in ("numpy", "pandas", "matplotlib.figure", "PIL.Image"))


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        (lambda: np.int64(3), 3),
        (lambda: {"n": np.int64(3)}, {"n": 3}),
        (lambda: {"a": {"b": [np.float32(0.5), np.bool_(True), np.uint8(7)]}}, {"a": {"b": [0.5, True, 7]}}),
        (lambda: {"a": np.float64(0.1), "b": np.longdouble(0.5), "c": np.float16(0.5)}, {"a": 0.1, "b": 0.5, "c": 0.5}),
        (lambda: np.arange(3), [0, 1, 2]),
        (lambda: [{"x": np.eye(2)}], [{"x": [[1.0, 0.0], [0.0, 1.0]]}]),
        (lambda: np.array(5), 5),
        (lambda: np.array(["a", None, dt.date(2026, 1, 2)], dtype=object), ["a", None, "2026-01-02"]),
        (lambda: np.array(["2026-01-02", "NaT"], dtype="datetime64[ns]"), ["2026-01-02T00:00:00", None]),
        (lambda: np.datetime64("2026-01-02"), "2026-01-02"),
        (lambda: [np.timedelta64(1, "D"), np.timedelta64("NaT", "D")], ["P1D", None]),
        (lambda: np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (lambda: np.str_("a"), "a"),
        (lambda: np.datetime64("12026"), "12026"),
        (lambda: [np.datetime64("2026-01-02T03:04:05.123456789")], ["2026-01-02T03:04:05.123456789"]),
        (lambda: np.array(["2026-01-02T00:00:00.000000001"], "M8[ns]"), ["2026-01-02T00:00:00.000000001"]),
        (lambda: np.array([1, 1_000], "m8[ns]"), ["1 nanoseconds", "PT0.000001S"]),
        (lambda: pd.Timestamp("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
        (lambda: [pd.Timedelta(1, "ns"), pd.Timedelta(1, "s")], ["P0DT0H0M0.000000001S", "PT1S"]),
        (lambda: [pd.Period("2026-01"), pd.Interval(0, 1)], ["2026-01", "(0, 1]"]),
        (lambda: {pd.Interval(0, 1): 1, pd.Period("2026-01"): 2}, {"(0, 1]": 1, "2026-01": 2}),
        (lambda: [np.dtype("int64"), pd.Int64Dtype()], ["int64", "Int64"]),
        (lambda: np.ma.array(np.array(["2026-01-02"], "M8[D]"), mask=[True]), [None]),
        (lambda: np.array([(1, "a")], dtype=[("n", int), ("s", "U1")]), [[1, "a"]]),
        (lambda: pd.array([1, None], dtype="Int64"), [1, None]),
        (lambda: pd.MultiIndex.from_tuples([("a", 1)]), [["a", 1]]),
        (lambda: {np.int64(1): 2, np.str_("b"): 3}, {"1": 2, "b": 3}),
        (lambda: Secret(inner={"n": np.int64(1)}), {"inner": {"n": 1}, "key": "**********"}),
        (lambda: Scores(np.float32(0.5)), {"mean": 0.5, "files": None}),
        (lambda: [pd.NaT, pd.NA], [None, None]),
        (lambda: pd.NaT, None),
        (lambda: {"at": pd.Timestamp("2026-01-02 03:04")}, {"at": "2026-01-02T03:04:00"}),
        (lambda: [pd.Index(["a", "b"]), pd.Categorical(["x"])], [["a", "b"], ["x"]]),
        (lambda: [{"row": pd.Series([1], name="n")}], [{"row": {"columns": ["n"], "rows": [[1]]}}]),
    ],
)
def test_values_of_numpy_and_pandas_are_kept_as_what_they_stand_for(write, returned, kept):
    assert json.dumps(write(returned())[0]) == json.dumps(kept)  # 1 is not True


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (lambda: {"a": np.array([1.0, np.nan])}, "The result at /a/1 holds NaN"),
        (lambda: {"a": {"b": [np.float32("inf")]}}, "The result at /a/b/0 holds an infinity"),
        (lambda: {np.int64(1): "a", 1.0: "b", "1": "c"}, "has two keys that are '1' in JSON"),
    ],
)
def test_a_value_of_numpy_is_refused_with_its_place(refused, returned, sentence):
    assert sentence in refused(returned())


@pytest.mark.parametrize(
    ("returned", "columns", "rows"),
    [
        (lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}), ["a", "b"], [[1, "x"], [2, None]]),
        (lambda: pd.DataFrame({"a": [1.5, np.nan]}), ["a"], [[1.5], [None]]),
        (lambda: pd.DataFrame({"a": [1]}, index=["x"]), ["index", "a"], [["x", 1]]),
        (lambda: pd.DataFrame({"a": [1, 2]})[lambda frame: frame.a > 1], ["index", "a"], [[1, 2]]),
        (lambda: pd.DataFrame({"k": ["x", "x"], "v": [1, 2]}).groupby("k").sum(), ["k", "v"], [["x", 3]]),
        (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), ["a", "a"], [[1, 2]]),
        (lambda: pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), ["a / b"], [[1]]),
        (
            lambda: pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("x", 2)], names=["k", None])),
            ["k", "index", "v"],
            [["x", 2, 1]],
        ),
        (lambda: pd.DataFrame({"t": pd.to_datetime(["2026-01-02", None])}), ["t"], [["2026-01-02T00:00:00"], [None]]),
        (lambda: pd.DataFrame(), [], []),
        (lambda: pd.DataFrame({"p": pd.period_range("2026-01", periods=1, freq="M")}), ["p"], [["2026-01"]]),
        (lambda: pd.DataFrame({"d": [pd.Timedelta("1h"), pd.NaT]}), ["d"], [["PT1H"], [None]]),
        (lambda: pd.DataFrame({"c": pd.Categorical(["x", None])}), ["c"], [["x"], [None]]),
        (lambda: pd.DataFrame({"i": pd.array([1, None], dtype="Int64")}), ["i"], [[1], [None]]),
        (lambda: pd.DataFrame({"a": [1]}).dtypes, ["index", "value"], [["a", "int64"]]),
        (lambda: pd.DataFrame({"a": [1]}, index=pd.interval_range(0, 1)), ["index", "a"], [["(0, 1]", 1]]),
        (lambda: pd.Series([1, 2]), ["value"], [[1], [2]]),
        (lambda: pd.Series([1], index=["x"], name="n"), ["index", "n"], [["x", 1]]),
        (lambda: pd.Series(["b", "b"]).value_counts(), ["index", "count"], [["b", 2]]),
    ],
)
def test_a_frame_or_series_of_pandas_is_a_table(write, returned, columns, rows):
    assert write(returned()) == ({"columns": columns, "rows": rows}, "table")


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        (lambda: pd.DataFrame({"a": [1.5, np.inf]}), '{"columns": ["a"], "rows": [[1.5], [Infinity]]}'),
        (lambda: np.array([1.0, np.nan]), "[1.0, NaN]"),
    ],
)
def test_what_python_can_read_of_a_refused_array_is_kept_as_a_file(write, store, returned, kept):
    with pytest.raises(UnstorableResult) as caught:
        write(returned())

    [file] = caught.value.files
    assert store.local_path("job", file["artifact"]).read_text() == kept


@pytest.mark.parametrize(
    "empty", [lambda: pd.NaT, lambda: pd.NA, lambda: np.float32("nan"), lambda: np.datetime64("NaT", "s")]
)
def test_a_cell_without_a_value_is_empty(write, empty):
    assert write(Table(["a", "b"], [[1, empty()], [empty(), "x"]]))[0]["rows"] == [[1, None], [None, "x"]]


def test_a_frame_in_a_dict_is_a_part(write):
    value, kinds = write({"frame": pd.DataFrame({"a": [1]}), 5: "text"})

    assert kinds == {"frame": "table", "5": "text"}
    assert value == {"frame": {"columns": ["a"], "rows": [[1]]}, "5": "text"}


def test_the_rows_of_a_table_may_be_a_frame():
    assert Table(["a", "b"], pd.DataFrame({"a": [1], "b": ["x"]})).rows == [[1, "x"]]


def test_the_rows_of_itertuples_are_a_table(write):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]})

    value, kind = write(Table(frame.columns, frame.itertuples(index=False)))

    assert (kind, value) == ("table", {"columns": ["a", "b"], "rows": [[1, 0.5], [2, None]]})


def test_a_row_may_be_an_array_and_a_cell_anything(write):
    value, _ = write({"parts": Table(["a", "b"], [np.arange(2), [dt.date(2026, 1, 2), {"x": {1}}]])})

    assert value["parts"]["rows"] == [[0, 1], ["2026-01-02", {"x": [1]}]]


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


def test_the_axes_of_a_plot_stand_for_their_figure(write, store):
    axes = figure.Figure().subplots()
    axes.plot([1, 2])
    value, kinds = write({"axes": axes, "deep": [axes]})

    assert kinds == {"axes": "picture", "deep": ["json", "/0"]}
    assert store.local_path("job", value["deep"][0]["artifact"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("place", ["", "/0", "/a/b"])
def test_a_picture_that_can_not_be_made_is_refused_with_its_place_and_costs_no_file(write, store, place):
    plot = figure.Figure()
    plot.text(0, 0, r"$\frac{$")
    for broken in (Image.new("RGB", (0, 0)), plot):
        returned = {"": broken, "/0": [broken], "/a/b": {"a": {"b": broken}, "model": File("model.bin", b"x")}}[place]
        with pytest.raises(UnstorableResult) as caught:
            write(returned)

        assert str(caught.value).startswith(f"The result {f'at {place} ' if place else ''}can't be kept: ")
        assert [file["filename"] for file in caught.value.files[1:]] == ["model.bin"] * (place == "/a/b")


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
