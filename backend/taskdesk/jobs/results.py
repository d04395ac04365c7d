"""Kinds of results that a task may return, besides JSON and text.

A task returns one of these, a matplotlib figure, PNG or SVG bytes, a `Path` to a file, or a dict of any of them: the
parts of the result, each shown under its name. Wrong arguments are refused where the task writes them down, by a
sentence that names the class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from taskdesk.jobs.artifacts import stored_name

ANY_FILE = "application/octet-stream"
MAX_DIGITS = 4300  # of a whole number in a result: what Python reads (sys.int_info.default_max_str_digits)

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;[ -~]*)?", re.ASCII)
_SVG = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s/>]", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """Rows of JSON values under named columns.

    A row is a list of cells, or a dict from column to cell, where a column that it leaves out is empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def __post_init__(self) -> None:
        if isinstance(self.columns, (str, bytes, Mapping)) or not isinstance(self.columns, Iterable):
            raise TypeError(f"Table: columns has to be a list of names, not {_shown(self.columns)}.")
        if isinstance(self.rows, (str, bytes, Mapping)) or not isinstance(self.rows, Iterable):
            raise TypeError(f"Table: rows has to be a list of rows, not {_shown(self.rows)}.")
        columns = list(self.columns)
        rows = self.rows.itertuples(index=False, name=None) if hasattr(self.rows, "itertuples") else self.rows
        object.__setattr__(self, "rows", [_cells(number, row, columns) for number, row in enumerate(rows)])
        object.__setattr__(self, "columns", [column_name(column) for column in columns])


def column_name(column: Any) -> str:
    """Return the name of a column as text; that of pandas' MultiIndex is a tuple."""
    return " / ".join(map(str, column)) if isinstance(column, tuple) else str(column)


def _cells(number: int, row: Any, columns: list[Any]) -> list[Any]:
    if isinstance(row, Mapping):
        strange = [key for key in row if key not in columns]
        if strange:
            raise ValueError(f"Table: row {number} has {_shown(strange[0])}, which is none of the columns.")
        return [row.get(column) for column in columns]
    if isinstance(row, (str, bytes)) or not isinstance(row, Iterable):
        raise TypeError(f"Table: row {number} has to be a list of cells or a dict, not {_shown(row)}.")
    cells = list(row)
    if len(cells) != len(columns):
        raise ValueError(
            f"Table: row {number} has {len(cells)} cells, not as long as its list of columns: {len(columns)}."
        )
    return cells


@dataclass(frozen=True)
class Markdown:
    """Text that the page renders as Markdown. HTML in it is shown as text."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"Markdown: text has to be text, not {_shown(self.text)}.")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema that the catalog shows: Redis holds only the text."""
        return {"type": "string", "contentMediaType": "text/markdown"}


@dataclass(frozen=True)
class Picture:
    """A PNG or SVG picture."""

    data: bytes
    media_type: str = "image/png"

    def __post_init__(self) -> None:
        remedy = "Encode SVG with .encode(), and read a file with Path(…).read_bytes()."
        object.__setattr__(self, "data", _as_bytes("Picture: data", self.data, remedy))
        if self.media_type == "image/png" and is_svg(self.data):
            object.__setattr__(self, "media_type", "image/svg+xml")
        if not (isinstance(self.media_type, str) and self.media_type.startswith("image/")):
            raise ValueError(
                f"Picture: media_type has to be image/png or image/svg+xml, not {_shown(self.media_type)}."
            )
        _check_media_type("Picture", self.media_type)


@dataclass(frozen=True)
class File:
    """A file to download. `content`: bytes, or the path of a file of the task; `name`: its name for the user.

    A `media_type` of None, as `mimetypes.guess_type` returns it for an unknown extension, is that of any file.
    """

    name: str
    content: bytes | Path
    media_type: str | None = ANY_FILE

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"File: name has to be text, not {_shown(self.name)}.")
        try:
            stored_name(self.name, ())
        except ValueError as error:
            raise ValueError(f"File: {error}") from None
        if not isinstance(self.content, Path):
            remedy = "Encode text with .encode(), and name a file of the disk as Path(…)."
            object.__setattr__(self, "content", _as_bytes("File: content", self.content, remedy))
        object.__setattr__(self, "media_type", self.media_type or ANY_FILE)
        _check_media_type("File", self.media_type)


def is_svg(data: bytes) -> bool:
    return bool(_SVG.match(data[:10_000]))


def _as_bytes(what: str, data: Any, remedy: str) -> bytes:
    if isinstance(data, BytesIO):
        return data.getvalue()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"{what} has to be bytes, not {_shown(data)}. {remedy}")
    return bytes(data)


def _check_media_type(name: str, media_type: Any) -> None:
    if not (isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type)):
        raise ValueError(f"{name}: media_type has to be like text/csv, not {_shown(media_type)}.")


def _shown(value: Any) -> str:
    """Name a wrong argument: its value if it is short, and its class."""
    if value is None:
        return "None"
    text = repr(value) if isinstance(value, (str, int, float, bytes)) else ""
    kind = type(value).__name__
    return f"{kind} {text}" if text and len(text) <= 40 else kind
