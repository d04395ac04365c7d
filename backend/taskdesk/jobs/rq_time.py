"""The time as RQ writes it."""

from __future__ import annotations

from datetime import UTC, datetime

from taskdesk.service import clock


class _Clock:
    """Within a second only the microseconds change."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(self) -> str:
        now = clock.now()
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{int((now - second) * 1_000_000):06d}Z"


now_text = _Clock()
