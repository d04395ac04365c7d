"""A message about alerts: what it says, whatever the channel. templates.py writes it in the form that each takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

MAX_TITLE, MAX_LINE, MAX_LINES = 200, 500, 12  # characters, characters, lines
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Event(StrEnum):
    FIRED = "fired"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True)
class Message:
    """`at`: Unix seconds. `path`: the page of the desk that it links to. `when`: the kind of its rule."""

    id: str
    event: Event
    rule: str
    when: str
    title: str
    lines: tuple[str, ...]
    path: str
    at: float

    @property
    def heading(self) -> str:
        return f"Recovered: {self.title}" if self.event is Event.RECOVERED else self.title

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds")

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str | bytes) -> Message:
        """Raises ValueError, TypeError, KeyError if it is damaged."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "event": Event(values["event"]), "lines": tuple(values["lines"])})


def clean(text: str, limit: int = MAX_LINE) -> str:
    """Return the text as one line of `limit` characters at most."""
    line = _CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def first_lines(lines: Iterable[str], more: int = 0) -> tuple[str, ...]:
    """Return MAX_LINES lines at most; the last says how many are left out, with `more` that are not in `lines`."""
    cleaned: Sequence[str] = [clean(line) for line in lines if line]
    left = max(0, len(cleaned) - MAX_LINES) + more
    return (*cleaned[:MAX_LINES], *([f"… and {left:,} more"] if left else []))
