"""The log of a job as lines, in the colors that the task has printed. static/log.js shows new lines so, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from taskdesk.jobs.joblog import COLORS
from taskdesk.jobs.log_times import LineTime

_SPAN = Markup('<span class="{}">{}</span>')
_LINE = Markup("<span>{}</span>")
_DATED = Markup('<span title="{:%Y-%m-%dT%H:%M:%SZ}">{}</span>')
_NEWLINE = Markup("\n")


def log_lines(text: str, offset: int, times: Sequence[LineTime] = ()) -> Markup:
    """Return a `span` for each line. `offset`: the position of the text in its log, for `times` (oldest first).

    A line that is the first at its time has it as its title.
    """
    lines = [_line(line, time) for line, time in _dated(text, offset, times)]
    return _NEWLINE.join(lines) + (_NEWLINE if text.endswith("\n") else "")


def _dated(text: str, offset: int, times: Sequence[LineTime]) -> Iterator[tuple[str, int | None]]:
    """Yield each line with the Unix time at which it was printed, if that differs from the line before."""
    following, known = 0, None
    for line in text.removesuffix("\n").split("\n") if text else ():
        time = known
        while following < len(times) and times[following].offset <= offset:
            time, following = times[following].at, following + 1
        yield line, time if time != known else None
        known, offset = time, offset + len(line.encode(errors="replace")) + 1


def _line(line: str, at: int | None) -> Markup:
    shown = Markup("").join(_pieces(COLORS.split(line)))
    return _LINE.format(shown) if at is None else _DATED.format(datetime.fromtimestamp(at, UTC), shown)


def _pieces(parts: Sequence[str]) -> Iterable[Markup]:
    """Yield the pieces of a line. `parts`: texts, and between them the numbers of the sequences that color."""
    yield Markup.escape(parts[0])
    for numbers, text in zip(parts[1::2], parts[2::2], strict=True):
        if text:
            names = " ".join(f"c{number}" for number in numbers.split(";") if number not in ("", "0"))
            yield _SPAN.format(names, text) if names else Markup.escape(text)
