"""The traceback of a failed job as its author wants to read it: the frames of the task, with the others folded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line \d+, in .*\n(?:    .*\n|  \[.*\n)*')
_TASKDESK = re.compile(r"[/\\]taskdesk[/\\](?:worker|jobs|service)[/\\]")
_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\](\w+)|[/\\]lib[/\\]python3[^/\\]*[/\\](?!site-|dist-)(\w+)|^<frozen (\w+)"
)


@dataclass(frozen=True)
class Stretch:
    """Part of a traceback. `folded`: what it is, if it is frames of others; else empty."""

    text: str
    folded: str = ""


def stretches(traceback: str) -> list[Stretch]:
    """Return the parts of the traceback in order. Nothing is folded if it has no frame of the task."""
    pieces = list(_pieces(traceback))
    if all(owner for owner, text in pieces if text.startswith('  File "')):
        return [Stretch(traceback)]
    return [
        _stretch([*group]) if is_others else Stretch("".join(text for _, text in group))
        for is_others, group in groupby(pieces, lambda piece: bool(piece[0]))
    ]


def _pieces(traceback: str) -> Iterator[tuple[str, str]]:
    """Yield each frame with the name of its library, and with an empty name what is no frame or one of the task."""
    end = 0
    for frame in _FRAME.finditer(traceback):
        if between := traceback[end : frame.start()]:
            yield "", between
        yield _owner(frame["path"]), frame[0]
        end = frame.end()
    if rest := traceback[end:]:
        yield "", rest


def _owner(path: str) -> str:
    if _TASKDESK.search(path):
        return "Taskdesk"
    found = _LIBRARY.search(path)
    return next(filter(None, found.groups()), "Python") if found else ""


def _stretch(frames: list[tuple[str, str]]) -> Stretch:
    owners = ", ".join(dict.fromkeys(owner for owner, _ in frames))
    count = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
    return Stretch("".join(text for _, text in frames), f"{count} of {owners}")
