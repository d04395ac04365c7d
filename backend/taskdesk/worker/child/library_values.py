"""Values of numpy, pandas, PIL and matplotlib in a result. None of these libraries is ever imported here."""

from __future__ import annotations

import io
import sys
from typing import Any

from taskdesk.jobs.results import Picture, Table, column_name

_PNG_MODES = {"1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"}


def translated(value: Any) -> Any:
    """Return what a value of a library stands for: a Table, a Picture, a list, or a plain value. Others stay."""
    if isinstance(value, _class("pandas", "DataFrame")):
        return _table(value)
    if isinstance(value, _class("pandas", "Series")):
        return _table(value.to_frame("value" if value.name is None else value.name))
    if isinstance(value, _class("PIL.Image", "Image")):
        return _picture(value)
    if _is_figure(value):
        return _drawn(value)
    if isinstance(value, _class("numpy", "generic")):
        return _scalar(value)
    if is_missing(value):
        return None
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, _class("numpy", "ndarray")) and value.dtype.kind in "mM":  # its tolist has nanoseconds as int
        return list(value) if value.ndim else _scalar(value[()])
    return value.tolist() if callable(getattr(value, "tolist", None)) else value


def is_missing(value: Any) -> bool:
    """Return True for what pandas and numpy put where no value is known, but for NaN."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is getattr(pandas, "NaT", pandas) or value is getattr(pandas, "NA", pandas))


def is_special(value: Any) -> bool:
    """Return True for a table or picture of a library: as an entry of a dict it is a part of the result."""
    return isinstance(value, (*_classes(), Table)) or _is_figure(value)


def _classes() -> tuple[type, ...]:
    names = (("pandas", "DataFrame"), ("pandas", "Series"), ("PIL.Image", "Image"))
    return tuple(found for found in (_class(*name) for name in names) if found)


def _class(module: str, name: str) -> Any:
    """Return the class, or an empty tuple, of which nothing is an instance, if its module was not imported."""
    found = getattr(sys.modules.get(module), name, ())
    return found if isinstance(found, type) else ()


def _scalar(value: Any) -> Any:
    plain = value.item()
    if value.dtype.kind in "mM" and isinstance(plain, int):  # nanoseconds, which datetime does not have
        try:
            return value.astype(f"{value.dtype.kind}8[us]").item()
        except TypeError:  # a difference in months
            return str(value)
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
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(png, format="PNG")
    return Picture(png.getvalue())


def _is_figure(value: Any) -> bool:
    return type(value).__module__.startswith("matplotlib.") and hasattr(value, "savefig")


def _drawn(figure: Any) -> Picture:
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight", dpi=120)
    return Picture(png.getvalue())
