"""Find what no log may contain: a traceback, or anything else that Python prints of an uncaught error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_BEGINS = re.compile(r"Traceback \(most recent call last\)|Exception ignored in|Fatal Python error|RecursionError")
_SHOWN = 12  # first lines of a traceback, and as many last ones


def tracebacks(folder: Path, expected: re.Pattern[str] | None = None) -> Iterator[str]:
    """Yield each traceback in the logs of a folder, except those whose text matches `expected`."""
    for log in sorted(folder.glob("*.log")):
        for lines in _blocks(log.read_text(errors="replace").splitlines()):
            if not (expected and expected.search("\n".join(lines))):
                shown = lines if len(lines) <= 2 * _SHOWN else [*lines[:_SHOWN], "…", *lines[-_SHOWN:]]
                yield "\n".join([f"{log.name}:", *shown])


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield each traceback, from the line before it, which says what failed, to the one that names the error."""
    at = 0
    while at < len(lines):
        if not _BEGINS.search(lines[at]):
            at += 1
            continue
        end = at + 1
        while end < len(lines) and (not lines[end] or lines[end][0].isspace()):
            end += 1
        yield lines[max(at - 1, 0) : end + 1]
        at = end + 1
