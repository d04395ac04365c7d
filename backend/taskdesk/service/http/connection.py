"""A client's connection: reading and writing, each with a deadline.

A connection has no timer of its own: the server's sweeper ends every wait whose deadline has passed.
"""

from __future__ import annotations

import io
import socket
import struct
from contextlib import suppress
from time import monotonic
from typing import Any

IDLE_SECONDS = 75  # between two requests; more than nginx's 60, so that nginx closes first and never meets a close
HEAD_SECONDS = 10  # from the first byte of a request to the end of its head
BODY_SECONDS = 30  # for the next read of a body, and one more second for every BODY_BYTES_PER_SECOND that arrive
BODY_BYTES_PER_SECOND = 500
SEND_SECONDS = 60  # until a client has to accept more of an answer
LINGER_SECONDS = 2  # that a client has to read a refusal before the connection is closed
LINGER_BYTES = 64_000_000  # that it may send meanwhile
_NEVER = float("inf")
_RESET = struct.pack("ii", 1, 0)


class Connection(io.RawIOBase):
    def __init__(self, sock: Any):
        self.socket = sock
        self.deadline = _NEVER  # on the monotonic clock
        self.is_idle = False  # no byte of the next request has arrived
        self.has_expired = False
        self._credit = 0.0  # seconds that each byte adds to the deadline
        self._is_sending = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self.socket.recv_into(buffer)
        if self.is_idle and count:
            self.is_idle = False
            self.deadline = monotonic() + HEAD_SECONDS
        self.deadline += count * self._credit
        return count

    def await_request(self) -> None:
        self.is_idle = True
        self.deadline = monotonic() + IDLE_SECONDS

    def await_body(self) -> None:
        self._credit = 1 / BODY_BYTES_PER_SECOND
        self.deadline = monotonic() + BODY_SECONDS

    def await_nothing(self) -> None:
        """Set no deadline: the application is at work."""
        self.is_idle = False
        self._credit = 0.0
        self.deadline = _NEVER

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        rest = memoryview(data)
        self._is_sending = True
        while rest:
            self.deadline = monotonic() + SEND_SECONDS
            rest = rest[self.socket.send(rest) :]
        self._is_sending = False
        self.deadline = _NEVER

    def linger(self) -> None:
        """Read on until the client has the answer: a close while it sends would be a reset, and lose the answer."""
        left = LINGER_BYTES
        self.deadline = monotonic() + LINGER_SECONDS
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            while left > 0 and (received := self.socket.recv(65_536)):
                left -= len(received)

    def end_soon(self, seconds: float) -> None:
        """Give an idle connection these seconds: its next request may be on the way."""
        if self.is_idle:
            self.deadline = min(self.deadline, monotonic() + seconds)

    def expire(self) -> None:
        """End the wait: a reader gets what has arrived and then the end of the stream, a sender gets an error."""
        self.has_expired, self.deadline = True, _NEVER
        with suppress(OSError):
            if self._is_sending:  # the client reads nothing: drop what the kernel still holds for it
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # gevent's own shutdown would raise an error in the reader, even if bytes have arrived.
            self.socket._sock.shutdown(socket.SHUT_RDWR if self._is_sending else socket.SHUT_RD)
