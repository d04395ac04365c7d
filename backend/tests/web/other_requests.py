"""Whether other requests go on while one has much to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent


@contextmanager
def other_requests() -> Iterator[list[float]]:
    """Let another greenlet run whenever it may; yield how long it had to wait each time."""
    pauses: list[float] = []

    def others() -> None:
        while True:
            before = time.monotonic()
            gevent.sleep(0.001)
            pauses.append(time.monotonic() - before)

    other = gevent.spawn(others)
    yield pauses
    other.kill()
