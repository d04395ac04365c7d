"""Output: tables in a terminal, tabs in a pipe, or JSON. Control sequences in texts of jobs are replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from taskdesk.service import clock

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


CONSOLE_OPTIONS: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
out, err = _Console(**CONSOLE_OPTIONS), _Console(**CONSOLE_OPTIONS, stderr=True)

json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON with the keys of the HTTP API.")


def say(sentence: str) -> None:
    """Print a sentence for a person to stderr; stdout has data only."""
    err.print(printable(sentence))


def print_json(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    if out.is_terminal:
        out.print(table(columns, rows), soft_wrap=False)
        return
    for row in (columns, *rows):
        click.echo("\t".join(map(_cell, row)))


def print_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]], dropped: Sequence[str], shortened: str) -> None:
    """Print a table with one line for each row.

    A narrow terminal shows it without the columns `dropped`, one after the other as far as needed, then with less of
    the column `shortened`.
    """
    if not out.is_terminal:
        print_table(columns, rows)
        return
    lines = [list(map(_cell, row)) for row in (columns, *rows)]
    for column in dropped:
        if _excess(lines) > 0:
            place = lines[0].index(column)
            lines = [line[:place] + line[place + 1 :] for line in lines]
    widths = [_width(lines, n) for n in range(len(lines[0]))]
    place = lines[0].index(shortened)
    widths[place] = max(widths[place] - max(_excess(lines), 0), len(shortened))
    made = Table(box=None, pad_edge=False, header_style="bold", width=sum(widths) + 2 * len(widths) - 2)
    for name, width in zip(lines[0], widths, strict=True):
        made.add_column(name, no_wrap=True, min_width=width, max_width=width)
    for line in lines[1:]:
        made.add_row(*line)
    out.print(made, soft_wrap=False, crop=False)


def _excess(lines: Sequence[Sequence[str]]) -> int:
    """Return how many columns of the terminal are missing."""
    return sum(_width(lines, n) + 2 for n in range(len(lines[0]))) - 2 - out.width


def _width(lines: Sequence[Sequence[str]], place: int) -> int:
    return max(cell_len(line[place]) for line in lines)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a table whose cells are wrapped; those of the first column only if they take half of the terminal."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    lines = [list(map(_cell, row)) for row in (columns, *rows)]
    for n, column in enumerate(columns):
        made.add_column(column, no_wrap=n == 0 and _width(lines, 0) <= out.width // 2, overflow="fold")
    for line in lines[1:]:
        made.add_row(*line)
    return made


def printable(text: str) -> str:
    """Return the text with its control characters replaced: they would steer the terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def format_time(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if time else ""


def format_duration(start: datetime | None, end: datetime | None = None) -> str:
    """Return a duration as "1.2 s", "5 min", "3.0 h" or "12 d"; without an `end`, that until now."""
    if not start:
        return ""
    seconds = ((end or clock.utc_now()) - start).total_seconds()
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 100 * 3600 else f"{seconds / 86400:.0f} d"


def _cell(value: Any) -> str:
    return printable(" ".join(str("" if value is None else value).split()))
