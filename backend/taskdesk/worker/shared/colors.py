"""The colors of a terminal (SGR of ECMA-48), as a log keeps them: the shortest of equal sequences, with sixteen colors.

Each piece of a log sets its colors itself and ends without one, so that every line can be shown alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

RESET = "\x1b[0m"
COLORS = re.compile(r"\x1b\[([\d;:]*)m")
_LOOKS = {1: 1, 2: 2, 3: 3, 4: 4, 7: 7}  # bold, dim, italic, underlined, reversed
_ENDS = {22: (1, 2), 23: (3,), 24: (4,), 27: (7,)}  # what else ends them
_FOREGROUND, _BACKGROUND = 38, 48
_LEVELS = (0, 95, 135, 175, 215, 255)  # of the cube in the palette of 256 colors
_DARK, _BRIGHT = 64, 192  # of 255


class Style:
    """The colors that the next text has. `sequence` sets them; it is empty for plain text."""

    def __init__(self) -> None:
        self._set: dict[int, int] = {}  # parameters by what they change
        self.sequence = ""

    def apply(self, parameters: str) -> None:
        """Follow the parameters of a sequence."""
        numbers = iter([int(text[:4] or 0) for text in re.split("[;:]", parameters)])
        for number in numbers:
            self._apply(number, numbers)
        shown = ";".join(str(self._set[place]) for place in sorted(self._set))
        self.sequence = f"\x1b[{shown}m" if shown else ""

    def _apply(self, number: int, following: Iterator[int]) -> None:
        if number == 0:
            self._set.clear()
        elif number in _LOOKS:
            self._set[number] = number
        elif number in (_FOREGROUND, _BACKGROUND):
            color = _read_color(following)
            if color is not None:
                self._set[number] = number - 8 + color
        elif 30 <= number < 38 or 90 <= number < 98:
            self._set[_FOREGROUND] = number
        elif 40 <= number < 48 or 100 <= number < 108:
            self._set[_BACKGROUND] = number
        for place in _ENDS.get(number, (number - 1,) if number in (39, 49) else ()):
            self._set.pop(place, None)


def _read_color(numbers: Iterator[int]) -> int | None:
    """Return the nearest of the sixteen colors, as far from 30 as its parameter is; None if there is none."""
    kind = next(numbers, 0)
    if kind == 2:
        return _nearest([next(numbers, 0) for _ in range(3)])
    if kind != 5:
        return None
    number = next(numbers, 0)
    if number < 16:
        return number if number < 8 else number + 52
    if number < 232:
        return _nearest([_LEVELS[(number - 16) // part % 6] for part in (36, 6, 1)])
    return _nearest([8 + 10 * (min(number, 255) - 232)] * 3)


def _nearest(red_green_blue: list[int]) -> int:
    most = max(red_green_blue)
    if most < _DARK:
        return 0
    color = sum(1 << bit for bit, part in enumerate(red_green_blue) if 2 * part > most)
    return color + 60 if most >= _BRIGHT else color
