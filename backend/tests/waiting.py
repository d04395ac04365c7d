"""Waiting for what has no event to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], *, seconds: float = 60, what: str = "") -> Any:
    """Poll until the condition is true, and return its value. Tests wait for nothing else without an event.

    The pause grows, because each poll takes time from the process that the test waits for.
    """
    deadline, pause = time.monotonic() + seconds, 0.02
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause)
        pause = min(pause * 1.2, 0.2)
    raise AssertionError(f"not within {seconds} s: {what or condition}")
