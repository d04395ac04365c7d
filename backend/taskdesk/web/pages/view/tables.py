"""A table of a result: its first rows for the page, and all of it as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from taskdesk.web.pages.view.tree import json_text

MAX_ROWS = 500
MAX_CELLS = 10_000
MAX_COLUMNS = 100


@dataclass(frozen=True)
class Column:
    name: str
    is_number: bool


@dataclass(frozen=True)
class TableView:
    """The part of a table that a page shows. The counts are those of the whole table."""

    columns: list[Column]
    rows: list[list[Any]]
    row_count: int
    column_count: int


def table_view(table: dict[str, Any]) -> TableView:
    names, rows = table["columns"], table["rows"]
    width = min(len(names), MAX_COLUMNS)
    shown = [row[:width] for row in rows[: min(MAX_ROWS, MAX_CELLS // max(width, 1))]]
    columns = [Column(str(name), _is_numeric([row[n] for row in shown])) for n, name in enumerate(names[:width])]
    return TableView(columns, shown, len(rows), len(names))


def _is_numeric(values: list[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in present)


def as_csv(table: dict[str, Any]) -> str:
    """Return CSV as in RFC 4180, with a byte order mark, without which spreadsheets misread UTF-8.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, as OWASP advises: what stands in a
    result may come from anybody's upload. Programs that want the text unchanged have the JSON.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(_cell, table["columns"]))
    writer.writerows(map(_cell, row) for row in table["rows"])
    return "\ufeff" + text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value[:1] in _FORMULA and value and not _is_number(value) else value
    return value if value is None or type(value) in (int, float) else json_text(value)


_FORMULA = "=+-@\t\r"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
