"""The events of one job, read from Redis and formatted once for all watchers of this process.

A feed mirrors the job's stream in Redis. It reads all of it at the start, so it can replay the past to later watchers.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Protocol

from redis import Redis

from taskdesk.jobs.events import MAX_EVENTS, news_of
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.status import FINAL, status_of
from taskdesk.service.errors import AppError

KEPT_MESSAGES = 2 * MAX_EVENTS  # more than one read can bring, so only slow watchers fall behind
BATCH_MESSAGES = 32  # sent at once, and held in memory for a client that stalls


@dataclass(frozen=True, slots=True)
class Message:
    """`after` is the id of its event, or of the last event before it."""

    after: tuple[int, int]
    text: bytes
    is_state: bool


class Listener(Protocol):
    def wake(self) -> None: ...

    def send_heartbeat(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


class EventFeed:
    """The messages of one job, numbered from 0; the oldest are dropped. When the job ends, `over` is set."""

    def __init__(self, redis: Redis, jobs: Jobs, job_id: str):
        self.job_id = job_id
        self.status = ""
        self.is_live = True  # the last read reached Redis
        self.over = False
        self.end_message = b""  # the `end` message
        self.news = threading.Event()
        self.watchers: set[Listener] = set()
        self._redis = redis
        self._jobs = jobs
        self._last_id = "0-0"
        self._first = 0
        self._messages: list[Message] = []

    @property
    def end(self) -> int:
        """Return the number of the next message."""
        return self._first + len(self._messages)

    def number_after(self, event_id: str) -> int:
        """Return the number of the first message after the event."""
        return self._first + bisect_right(self._messages, _order(event_id), key=lambda message: message.after)

    def take(self, number: int, joined: int) -> tuple[bytes, int]:
        """Return some messages from this number on, and the number of the next. Leave out states before `joined`.

        Raises LookupError if the message has been dropped.
        """
        if number < self._first:
            raise LookupError(number)
        start = number - self._first
        part = self._messages[start : start + BATCH_MESSAGES]
        texts = (message.text for n, message in enumerate(part, number) if n >= joined or not message.is_state)
        return b"".join(texts), number + len(part)

    def read(self) -> bool:
        """Read new events from Redis, and return True if there are any. Raises RedisError."""
        self._drop_oldest()
        before = self.end
        state, events = news_of(self._redis, self.job_id, self._last_id)
        if state is None:
            return self._end_if_gone()
        shown, self.status = self.status, status_of(*state)
        is_final = self.status in FINAL
        if self.status != shown and not is_final:
            self._add("state", {"status": self.status})
        for event in events:
            self._last_id = event.id
            self._add(event.type, event.data)
        if is_final:
            if self.status != shown:
                self._add("state", {"status": self.status})
            self._end({"status": self.status})
        return self.over or self.end > before

    def _drop_oldest(self) -> None:
        if len(self._messages) > 2 * KEPT_MESSAGES:
            self._first += len(self._messages) - KEPT_MESSAGES
            del self._messages[:-KEPT_MESSAGES]

    def heartbeat(self) -> bytes:
        """Return a heartbeat. It is not an event of the job, so it has no id."""
        return b'event: heartbeat\ndata: {"live": %s}\n\n' % (b"true" if self.is_live else b"false")

    def _end_if_gone(self) -> bool:
        try:
            self._jobs.get(self.job_id)
        except AppError as error:
            self._end({"status": "gone", "detail": str(error)})
        return self.over

    def _add(self, type: str, data: dict[str, Any]) -> None:
        text = format_message(type, data, self._last_id)
        self._messages.append(Message(_order(self._last_id), text, type == "state"))

    def _end(self, data: dict[str, Any]) -> None:
        self.end_message = format_message("end", data, self._last_id)
        self.over = True


def format_message(type: str, data: dict[str, Any], event_id: str) -> bytes:
    return f"id: {event_id}\nevent: {type}\ndata: {json.dumps(data)}\n\n".encode()


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)
