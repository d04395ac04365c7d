"""Values of numpy, pandas, PIL and matplotlib in a result. None of these libraries is ever imported here."""

from __future__ import annotations

import io
import sys
from typing import Any

from taskdesk.jobs.results import Picture, Table, column_name

_PNG_MODES = {"1", "L", "LA", "I;16", "P", "RGB", "RGBA"}
_AS_PNG = {"I": "I;16", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}  # other modes become RGB
# Classes whose values stand for their text: a span of time, a range of numbers, the type of a column.
_TEXTS = (("pandas", "Period"), ("pandas", "Interval"), ("numpy", "dtype"), ("pandas.api.extensions", "ExtensionDtype"))


def translated(value: Any) -> Any:
    """Return what a value of a library stands for: a Table, a Picture, a list, or a plain value. Others stay."""
    if (table := _as_table(value)) is not None:
        return table
    if isinstance(value, _class("PIL.Image", "Image")):
        return _picture(value)
    if _is_drawing(value):
        return _drawn(value)
    if isinstance(value, _class("numpy", "generic")):
        return _scalar(value)
    if is_missing(value):
        return None
    if isinstance(value, (io.BytesIO, io.StringIO)):
        return value.getvalue()
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, tuple(found for name in _TEXTS if (found := _class(*name)))):
        return str(value)
    return _moment_or_list(value)


def _as_table(value: Any) -> Table | None:
    if isinstance(value, _class("pandas", "DataFrame")):
        return _table(value)
    if isinstance(value, _class("pandas", "Series")):
        return _table(value.to_frame("value" if value.name is None else value.name))
    if isinstance(value, _class("polars", "Series")):
        value = value.to_frame(value.name or "value")
    if isinstance(value, _class("polars", "DataFrame")):
        return Table(value.columns, value.rows())
    if isinstance(value, (_class("pyarrow", "Table"), _class("pyarrow", "RecordBatch"))):
        return Table(value.column_names, list(zip(*(column.to_pylist() for column in value.columns), strict=True)))
    return None


def _moment_or_list(value: Any) -> Any:
    if isinstance(value, (_class("pandas", "Timestamp"), _class("pandas", "Timedelta"))):
        nanoseconds = value.nanosecond if hasattr(value, "nanosecond") else value.nanoseconds
        return value.isoformat() if nanoseconds else value  # else they would be lost
    if isinstance(value, _class("numpy", "ndarray")) and value.dtype.kind in "mM":  # its tolist has nanoseconds as int
        return list(value) if value.ndim else _scalar(value[()])
    found = (
        getattr(value, name, None) for name in _TO_PLAIN.get(type(value).__module__.partition(".")[0], ("tolist",))
    )
    return next((method() for method in found if callable(method)), value)


_TO_PLAIN = {"pyarrow": ("to_pylist", "as_py")}  # by library: the methods that return plain values


def is_missing(value: Any) -> bool:
    """Return True for what pandas and numpy put where no value is known, but for NaN."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is getattr(pandas, "NaT", pandas) or value is getattr(pandas, "NA", pandas))


def is_special(value: Any) -> bool:
    """Return True for a table, a picture or bytes of a library: as an entry of a dict it is a part of the result."""
    return isinstance(value, (*_classes(), Table, io.BytesIO)) or _is_drawing(value)


def _classes() -> tuple[type, ...]:
    names = (
        *(("pandas", "DataFrame"), ("pandas", "Series"), ("polars", "DataFrame"), ("polars", "Series")),
        *(("pyarrow", "Table"), ("pyarrow", "RecordBatch"), ("PIL.Image", "Image")),
    )
    return tuple(found for found in (_class(*name) for name in names) if found)


def _class(module: str, name: str) -> Any:
    """Return the class, or an empty tuple, of which nothing is an instance, if its module was not imported."""
    found = getattr(sys.modules.get(module), name, ())
    return found if isinstance(found, type) else ()


def _scalar(value: Any) -> Any:
    plain = value.item()
    if value.dtype.kind in "mM" and isinstance(plain, int):  # it has nanoseconds, months or years that datetime has not
        try:
            rounded = value.astype(f"{value.dtype.kind}8[us]")
        except TypeError:
            return str(value)
        is_same = rounded.astype(value.dtype) == value and not isinstance(rounded.item(), int)
        return rounded.item() if is_same else str(value)
    return float(plain) if isinstance(plain, type(value)) else plain  # a longdouble stays one


def _table(frame: Any) -> Table:
    """Return a DataFrame as a table, with its index in front unless that only counts the rows."""
    index = frame.index
    if isinstance(index, _class("pandas", "RangeIndex")) and (index.start, index.step, index.name) == (0, 1, None):
        return Table(frame.columns, frame)
    names = ["index" if name is None else column_name(name) for name in index.names]
    rows = frame.itertuples(index=True, name=None)
    if len(names) > 1:
        rows = ((*labels, *cells) for labels, *cells in rows)
    return Table([*names, *frame.columns], rows)


def _picture(image: Any) -> Picture:
    png = io.BytesIO()
    shown = image if image.mode in _PNG_MODES else image.convert(_AS_PNG.get(image.mode, "RGB"))
    shown.save(png, format="PNG")
    return Picture(png.getvalue())


def _is_drawing(value: Any) -> bool:
    """Return True for a figure of matplotlib or seaborn, and for the axes that pandas' plot() returns."""
    library = type(value).__module__.partition(".")[0]
    is_figure = library in ("matplotlib", "seaborn") and hasattr(value, "savefig")
    return is_figure or isinstance(value, _class("matplotlib.axes", "Axes"))


def _drawn(value: Any) -> Picture:
    figure = value if hasattr(value, "savefig") else value.get_figure()
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight", dpi=120)
    return Picture(png.getvalue())
