"""One watcher of a job: its place in the job's feed, and its socket.

While it is up to date it needs nothing else, no greenlet and no buffer: the feed's greenlet writes to the socket. A
client that reads more slowly than we send gets a greenlet until it has caught up, or is too far behind.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from taskdesk.service.http.stream import Stream
from taskdesk.web.streams.event_feed import EventFeed, format_message

LOGGED_OUT = "Your login or your token is no longer valid."
BATCH_TIMEOUT_SECONDS = 60.0  # that a client may take for one batch of messages

log = logging.getLogger("stream")


class Watcher(Stream):
    """The events of a job as text/event-stream: a `state` first, then the events, then `end`.

    A WSGI server may iterate over it, or hand its socket over with `follow`.
    """

    __slots__ = (
        "_busy",
        "_first",
        "_heartbeat",
        "_is_allowed",
        "_joined",
        "_leave",
        "_news",
        "_next",
        "_refusal",
        "_socket",
        "client",
        "done",
        "feed",
    )

    def __init__(
        self,
        feed: EventFeed,
        last_id: str,
        client: str,
        heartbeat: float,
        leave: Callable[[Watcher], None],
        is_allowed: Callable[[], bool] | None,
    ):
        self.feed = feed
        self.client = client
        self.done = False  # nothing more is to be sent
        self._first = b"retry: 2000\n\n" + format_message("state", {"status": feed.status}, last_id)
        self._next = feed.number_after(last_id)
        self._joined = feed.end
        self._heartbeat = heartbeat
        self._is_allowed = is_allowed
        self._refusal = b""
        self._leave: Callable[[Watcher], None] | None = leave
        self._news: threading.Event | None = None
        self._socket: socket.socket | None = None
        self._busy = False

    def __iter__(self) -> Watcher:
        return self

    def __next__(self) -> bytes:
        news = self._news = self._news or threading.Event()
        while True:
            news.clear()
            if text := self._take():
                return text
            if self.done:
                self.close()
                raise StopIteration
            if not news.wait(self._heartbeat):
                return self.feed.heartbeat()

    def follow(self, connection: socket.socket) -> None:
        """Send to this socket from now on, and close it at the end. Return when all messages so far are sent."""
        self._socket = connection
        self._busy = True
        self._catch_up(b"")

    def wake(self) -> None:
        """Send the feed's new messages."""
        if self._socket:
            while not self._busy and (text := self._take()):
                self._send(text)
            if self.done and not self._busy:
                self.close()
        elif self._news:
            self._news.set()

    def send_heartbeat(self) -> None:
        """Send a heartbeat, or close if the client has gone."""
        if self._socket and not self._busy:
            if self._has_gone(self._socket):
                self.close()
            else:
                self._send(self.feed.heartbeat())

    def check(self) -> None:
        """End the stream with a message if its user is no longer allowed to watch."""
        if self._is_allowed and not self._is_allowed():
            self._refusal = format_message("end", {"status": "refused", "detail": LOGGED_OUT}, "")
            self.wake()

    def close(self) -> None:
        """Stop watching, and close the socket."""
        self.done = True
        leave, self._leave = self._leave, None
        if leave:
            leave(self)
        if self._socket:
            self._socket.close()

    def _take(self) -> bytes:
        """Return the text to send next; empty if there is none at the moment, or, once `done`, ever."""
        if self._first:
            first, self._first = self._first, b""
            return first
        if self._refusal and not self.done:
            self.done = True
            return self._refusal
        over = self.feed.over  # read before the messages: a feed that is over gets no more
        if text := self._take_messages():
            return text
        if over and not self.done:
            self.done = True
            return self.feed.end_message
        return b""

    def _take_messages(self) -> bytes:
        while not self.done and self._next < self.feed.end:
            try:
                text, self._next = self.feed.take(self._next, self._joined)
            except LookupError:
                log.info("closed an event stream of job %s: its client reads too slowly", self.feed.job_id)
                self.done = True
                return b""
            if text:
                return text
        return b""

    def _has_gone(self, connection: socket.socket) -> bool:
        """Return True if the client has closed: it sends nothing else. Only a second write would fail."""
        try:
            return not connection.recv(1024)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _send(self, text: bytes) -> None:
        assert self._socket
        try:
            sent = self._socket.send(text)
        except BlockingIOError:
            sent = 0
        except OSError:  # the client has gone
            self.close()
            return
        if sent < len(text):
            self._busy = True
            threading.Thread(target=self._catch_up, args=(text[sent:],), name="slow watcher", daemon=True).start()

    def _catch_up(self, text: bytes) -> None:
        assert self._socket
        try:
            self._socket.settimeout(BATCH_TIMEOUT_SECONDS)
            while text or (text := self._take()):
                self._socket.sendall(text)
                text = b""
            self._socket.setblocking(False)
            self._busy = False
        except OSError:  # the client has gone, or reads nothing
            self.done = True
        if self.done:
            self.close()
