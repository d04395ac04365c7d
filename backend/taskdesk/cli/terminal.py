"""Output: tables in a terminal, tabs in a pipe, or JSON. Control sequences in texts of jobs are replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
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


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for n, column in enumerate(columns):
        made.add_column(column, no_wrap=n == 0, overflow="fold")
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def printable(text: str) -> str:
    """Return the text with its control characters replaced: they would steer the terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def format_time(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if time else ""


def format_duration(start: datetime | None, end: datetime | None = None) -> str:
    """Return a duration as "1.2 s", "5 min" or "3.0 h"; without an `end`, that until now."""
    if not start:
        return ""
    seconds = ((end or clock.utc_now()) - start).total_seconds()
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _cell(value: Any) -> str:
    return printable(" ".join(str("" if value is None else value).split()))
