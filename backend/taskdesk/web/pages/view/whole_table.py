"""All rows of a table of a result: filtered, sorted, and cut into pages of as many cells as a page shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from taskdesk.jobs.previews import MAX_CELLS, MAX_COLUMNS, MAX_ROWS
from taskdesk.web.pages.view.tables import TableView, table_view
from taskdesk.web.pages.view.tree import json_text

_Row = Sequence[Any]
_encode = json.JSONEncoder(ensure_ascii=False, separators=("\n", ":")).encode


class Choice(NamedTuple):
    """What a viewer asks for: rows that have a text in a cell, the number of the column that sorts them, the page."""

    text: str = ""
    sort: int | None = None
    is_down: bool = False
    page: int = 1


@dataclass(frozen=True)
class TablePage:
    """A page of the rows that match. `first` and `last` count them from 1; both are 0 if there are none."""

    view: TableView
    page: int
    page_count: int
    match_count: int
    first: int
    last: int


class WholeTable:
    def __init__(self, table: dict[str, Any]):
        self.columns: list[str] = table["columns"]
        self._rows: list[_Row] = table["rows"]

    def page(self, choice: Choice) -> TablePage:
        """Return a page; for a number beyond the last page, the last one."""
        rows = self._sorted(self._matching(choice.text), choice)
        count = _page_count(len(rows), len(self.columns))
        page = min(choice.page, count)
        start = (page - 1) * page_size(len(self.columns))
        shown = rows[start : start + page_size(len(self.columns))]
        view = table_view({"columns": self.columns, "rows": shown}, (len(self._rows), len(self.columns)))
        return TablePage(view, page, count, len(rows), start + 1 if rows else 0, start + len(shown))

    def _matching(self, text: str) -> list[_Row]:
        if not text:
            return self._rows
        wanted = _encode(text)[1:-1].casefold()
        return [row for row, its in zip(self._rows, self._texts, strict=True) if wanted in its]

    @cached_property
    def _texts(self) -> list[str]:
        """The cells of each row as JSON, with line breaks between them, which no JSON text has: fast to make."""
        joined = (f"\n{_encode(row)[1:-1]}" for row in self._rows)
        return [text.replace("\nnull", "\n").casefold() for text in joined]

    def _sorted(self, rows: list[_Row], choice: Choice) -> list[_Row]:
        at = choice.sort
        if at is None or at >= len(self.columns):
            return rows
        filled = [row for row in rows if len(row) > at and row[at] is not None]
        others = [row for row in rows if len(row) <= at or row[at] is None]  # last in both directions
        return sorted(filled, key=lambda row: _order(row[at]), reverse=choice.is_down) + others


def page_size(column_count: int) -> int:
    """Return how many rows a page shows."""
    return min(MAX_ROWS, MAX_CELLS // max(min(column_count, MAX_COLUMNS), 1))


def first_page(beginning: dict[str, Any], shape: tuple[int, int]) -> TablePage | None:
    """Return the first page of a whole table of this shape from its beginning; None if that is too short."""
    size = min(page_size(shape[1]), shape[0])
    if len(beginning["rows"]) < size:
        return None
    view = table_view({**beginning, "rows": beginning["rows"][:size]}, shape)
    return TablePage(view, 1, _page_count(shape[0], shape[1]), shape[0], min(1, shape[0]), size)


def _page_count(row_count: int, column_count: int) -> int:
    return max(-(-row_count // page_size(column_count)), 1)


def _order(cell: Any) -> tuple[int, Any]:
    """Return a key that sorts numbers before texts, and texts before other values."""
    if isinstance(cell, (int, float)):
        return 0, cell
    return (1, cell.casefold()) if isinstance(cell, str) else (2, json_text(cell))
