"""The command `result`: print or save text, JSON, tables and files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import json_flag, out, print_json, print_table, printable
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Job
from taskdesk.jobs.parts import Part, result_parts


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--part", "name", metavar="NAME", help="Part to print, of a result with several.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="File to write the result to.")
@json_flag
@pass_session
def result(session: Session, job_id: str, name: str | None, output: Path | None, as_json: bool) -> None:
    """Print or save the result of a job.

    A result with several parts is listed. Choose one of them with --part.
    """
    desk = session.desk
    job = desk.jobs.get(job_id)
    parts = result_parts(job.result_kinds, desk.jobs.result(job))
    if name:
        parts = [_named(name, parts)]
    if as_json:
        is_one = name or not isinstance(job.result_kinds, dict)
        print_json(parts[0].value if is_one else {part.name: part.value for part in parts})
    elif len(parts) != 1:
        _list(parts, output)
    else:
        _give(desk, job, parts[0], output)


def _named(name: str, parts: Sequence[Part]) -> Part:
    for part in parts:
        if part.name == name:
            return part
    raise click.UsageError(f"The result has no part {name!r}. Its parts: {', '.join(part.name for part in parts)}.")


def _list(parts: Sequence[Part], output: Path | None) -> None:
    if output:
        raise click.UsageError(
            f"The result has several parts. Choose one with --part: {', '.join(part.name for part in parts)}."
        )
    print_table(("PART", "KIND", "VALUE"), [(part.name, part.kind, _summary(part)) for part in parts])


def _summary(part: Part) -> str:
    if part.is_file:
        return f"{part.value['media_type']}, {part.value['size']:,} bytes"
    text = part.value if isinstance(part.value, str) else json.dumps(part.value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _give(desk: Desk, job: Job, part: Part, output: Path | None) -> None:
    if output:
        with _content(desk, job, part) as content, output.open("wb") as file:
            shutil.copyfileobj(content, file)
    elif not out.is_terminal:
        with _content(desk, job, part) as content:
            shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.flush()
    elif part.is_file:
        raise click.UsageError(f"The result is a file ({_summary(part)}). Save it with -o FILE.")
    elif part.table:
        print_table(part.table["columns"], part.table["rows"])
    else:
        out.print(printable(_text(part.value)))


def _content(desk: Desk, job: Job, part: Part) -> BinaryIO:
    if part.is_file:
        return desk.artifacts.open(job.id, part.value["artifact"])
    return BytesIO(f"{_text(part.value)}\n".encode(errors="replace"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
