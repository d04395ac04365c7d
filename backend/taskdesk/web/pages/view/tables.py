"""A table of a result: its first rows for the page, and all of it as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from taskdesk.jobs.previews import MAX_CELL, MAX_CELLS, MAX_COLUMNS, MAX_NAME, MAX_ROWS
from taskdesk.web.pages.view.numbers import decimals_of, number_text
from taskdesk.web.pages.view.tree import json_text


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

    @property
    def cell_count(self) -> int:
        return len(self.rows) * len(self.columns)

    def rows_as_html(self) -> Iterator[Markup]:
        """Yield the rows as HTML: in a template, ten thousand cells take ten times as long."""
        looks = [
            (' class="number"' if column.is_number else "", decimals_of(row[n] for row in self.rows if n < len(row)))
            for n, column in enumerate(self.columns)
        ]
        for row in self.rows:
            cells = "".join(_as_html(cell, *look) for cell, look in zip(row, looks, strict=False))
            yield Markup(f"<tr>{cells}</tr>")

    def notes(self) -> list[str]:
        """Return sentences that say what is left out."""
        notes = []
        if not self.rows and self.row_count:
            notes.append(f"Its {self.row_count:,} rows have no room on this page. The downloads have them.")
        elif len(self.rows) < self.row_count:
            shown = f"Showing {len(self.rows):,} of {self.row_count:,} rows."
            notes.append(f"{shown} Sorting applies to these.")
        if len(self.columns) < self.column_count:
            shown = f"Showing {len(self.columns)} of {self.column_count:,} columns."
            notes.append(f"{shown} The downloads have all.")
        return notes


def table_view(table: dict[str, Any], shape: tuple[int, int] | None = None, most_cells: int = MAX_CELLS) -> TableView:
    """Return the beginning of a table. `shape`: rows and columns of the whole, if `table` is only its beginning."""
    names, rows = table["columns"], table["rows"]
    width = min(len(names), MAX_COLUMNS)
    most = min(MAX_ROWS, max(most_cells, 0) // max(width, 1))
    shown = [[_shown(cell) for cell in row[:width]] for row in rows[:most]]
    columns = [
        Column(_cut(str(name), MAX_NAME), _is_numeric([row[n] for row in shown if n < len(row)]))
        for n, name in enumerate(names[:width])
    ]
    return TableView(columns, shown, *(shape or (len(rows), len(names))))


def _shown(cell: Any) -> Any:
    """Return what a page shows of a cell: a number, None, or text that is not too long."""
    if cell is None or type(cell) in (int, float):
        return cell
    return _cut(cell if isinstance(cell, str) else json_text(cell), MAX_CELL)


def _as_html(cell: Any, its_class: str, decimals: int | None) -> str:
    if type(cell) is float:  # the title has all digits
        text = number_text(cell) if decimals is None else f"{cell:.{decimals}f}"
        return f'<td{its_class} title="{cell!r}">{text}</td>'
    text = number_text(cell) if type(cell) is int else escape(cell)
    return "<td>–</td>" if cell is None else f"<td{its_class}>{text}</td>"


def _cut(text: str, most: int) -> str:
    """Cut a text; the preview may have cut it already, to one character more."""
    return text if len(text) <= most + 1 else f"{text[:most]}…"


def _is_numeric(values: list[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(value, (int, float)) for value in present)


def as_csv(table: dict[str, Any]) -> str:
    """Return CSV as in RFC 4180, with a byte order mark, without which spreadsheets misread UTF-8.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, as OWASP advises: what stands in a
    result may come from anybody's upload. Programs that want the text unchanged have the JSON.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(_cell, table["columns"]))
    writer.writerows(row if set(map(type, row)) <= _AS_THEY_ARE else map(_cell, row) for row in table["rows"])
    return "\ufeff" + text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value[:1] in _FORMULA and value and not _is_number(value) else value
    return value if type(value) in _AS_THEY_ARE else json_text(value)


_AS_THEY_ARE = {int, float, type(None)}
_FORMULA = "=+-@\t\r"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
