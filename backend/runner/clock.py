"""The time as RQ writes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class _Clock:
    """Within a second only the microseconds change."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(self) -> str:
        now = time.time_ns()
        second = now // 1_000_000_000
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{now // 1000 % 1_000_000:06d}Z"


now_text = _Clock()
