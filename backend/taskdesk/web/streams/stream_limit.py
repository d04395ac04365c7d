"""The limits for open event streams: of this process, and of one client address."""

from __future__ import annotations

import threading
from collections import Counter

from taskdesk.jobs.errors import TooManyStreams
from taskdesk.web.metrics.process_metrics import OPEN_STREAMS


class StreamLimit:
    def __init__(self, most: int, most_per_client: int):
        self._most = most
        self._most_per_client = most_per_client
        self._lock = threading.Lock()
        self._clients: Counter[str] = Counter()
        self.count = 0

    def enter(self, client: str) -> None:
        """Count one more stream of this client. Raises TooManyStreams."""
        with self._lock:
            if self.count >= self._most:
                raise TooManyStreams(f"This process has reached its limit of {self._most:,} event streams.")
            if self._clients[client] >= self._most_per_client:
                raise TooManyStreams(f"You have {self._most_per_client:,} event streams open: close one first.")
            self.count += 1
            self._clients[client] += 1
        OPEN_STREAMS.inc()

    def leave(self, client: str) -> None:
        """Count one stream less of this client."""
        with self._lock:
            self.count -= 1
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]
        OPEN_STREAMS.dec()
