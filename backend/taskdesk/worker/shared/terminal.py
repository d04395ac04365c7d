"""What a terminal would show of a task's output: a bar that is drawn again and again is one line.

Most output has no control characters and never comes here: see `Screen.is_blank`.
"""

from __future__ import annotations

import codecs
import re

from taskdesk.worker.shared.colors import COLORS, RESET, Style

MAX_LINE_CHARS = 65_536  # a longer line is finished as it is
MAX_ROWS = 50  # that the cursor can move up
MAX_COLUMN = 500  # to which a sequence can move the cursor

CONTROLS = re.compile(rb"[\r\b\x07\x1b]")
_AFTER_ESC = r"(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"  # ECMA-48
_ESCAPE = rf"\x1b{_AFTER_ESC}"
_TOKEN = re.compile(rf"[^\r\n\b\x07\x1b]+|{_ESCAPE}|[\r\n\b\x07\x1b]")
_UNFINISHED = re.compile(rf"\x1b(?!{_AFTER_ESC})[^\x07\n]{{0,200}}\Z")


_Row = list[str]  # its characters, each after the sequence that sets its colors


class Screen:
    """The lines of one stream that may still change: the last one, or those that the cursor was moved up to."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._moves_up = False
        self._pending = ""  # the beginning of an escape sequence
        self._style = Style()
        self._clear()

    def _clear(self) -> None:
        self._rows: list[_Row] = [[]]
        self._row = self._column = 0

    @property
    def is_blank(self) -> bool:
        return self._rows == [[]] and not self._pending and not self._style.sequence

    def text(self) -> str:
        rows = [_text(row) for row in self._rows]
        text = "\n".join(filter(None, rows))  # without the rows that are only there for the cursor
        return f"{text}\n" if text and not rows[-1] else text

    def write(self, content: bytes) -> str:
        """Return the text that can't change any more."""
        text = self._pending + self._decoder.decode(content)
        unfinished = _UNFINISHED.search(text)
        self._pending = unfinished[0] if unfinished else ""
        return "".join(self._apply(token) for token in _TOKEN.findall(text.removesuffix(self._pending)))

    def _apply(self, token: str) -> str:
        if token == "\n":
            return self._end_row()
        if token == "\r":
            self._column = 0
        elif token == "\b":
            self._column = max(0, self._column - 1)
        elif token[0] == "\x1b":
            self._move(token)
        elif token != "\x07":
            return self._put(token)
        return ""

    def _put(self, text: str) -> str:
        row, style = self._rows[self._row], self._style.sequence
        row += [" "] * (self._column - len(row))
        row[self._column : self._column + len(text)] = [style + character for character in text] if style else text
        self._column += len(text)
        return self._finish() if self._column > MAX_LINE_CHARS else ""

    def _end_row(self) -> str:
        if not self._moves_up or len(self._rows) > MAX_ROWS:
            return self._finish() + "\n"
        self._row, self._column = self._row + 1, 0
        if self._row == len(self._rows):
            self._rows.append([])
        return ""

    def _finish(self) -> str:
        text = self.text()
        self._clear()
        return text

    def _move(self, sequence: str) -> None:
        """Follow what moves the cursor, erases or colors. All else is left out."""
        if colors := COLORS.fullmatch(sequence):
            return self._style.apply(colors[1])
        number = int("".join(filter(str.isdecimal, sequence[2:-1]))[:4] or 0)
        match sequence[-1] if sequence.startswith("\x1b[") else "":
            case "A" | "F":
                self._move_up(number or 1)
                self._column = 0 if sequence[-1] == "F" else self._column
            case "C":
                self._column += min(number or 1, MAX_COLUMN)
            case "D":
                self._column = max(0, self._column - (number or 1))
            case "G":
                self._column = min(max(0, number - 1), MAX_COLUMN)
            case "K":
                self._erase(number)

    def _move_up(self, count: int) -> None:
        self._moves_up = True
        missing = max(0, count - self._row)
        self._rows[:0] = [[] for _ in range(min(missing, MAX_ROWS))]
        self._row = max(0, self._row - count)

    def _erase(self, part: int) -> None:
        """Erase the row: from the cursor on (0), up to the cursor (1), or all of it."""
        row = self._rows[self._row]
        if part == 1:
            row[: self._column] = [" "] * min(self._column, len(row))
        else:
            del row[self._column if part == 0 else 0 :]


def _text(row: _Row) -> str:
    """Return the text of a row without blanks at its end. Its colors end with it."""
    last = next((place for place in range(len(row), 0, -1) if not row[place - 1][-1].isspace()), 0)
    pieces, style = [], ""
    for cell in row[:last]:
        if cell[:-1] != style:
            pieces += [RESET if style else "", cell]
            style = cell[:-1]
        else:
            pieces.append(cell[-1])
    return "".join(pieces) + (RESET if style else "")
