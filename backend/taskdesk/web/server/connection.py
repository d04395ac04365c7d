"""A connection of a client: what comes in, what goes out, and until when either may take.

No timer is set for that: a connection knows its deadline, and the server's sweeper ends the waiting that is past it.
"""

from __future__ import annotations

import io
import socket
import struct
from contextlib import suppress
from time import monotonic
from typing import Any

IDLE_SECONDS = 75  # between two requests: longer than nginx keeps a connection to us (60), so it is the one that closes
HEAD_SECONDS = 10  # from the first byte of a request to the end of its head
BODY_SECONDS = 30  # for a piece of a body that is waited for, and with each BODY_BYTES_PER_SECOND bytes of it one more
BODY_BYTES_PER_SECOND = 500
SEND_SECONDS = 60  # in which a client has to take something of an answer
LINGER_SECONDS = 2  # that a client has to read a refusal, and bytes that it may send until then
LINGER_BYTES = 64_000_000
_NEVER = float("inf")
_RESET = struct.pack("ii", 1, 0)


class Connection(io.RawIOBase):
    def __init__(self, sock: Any):
        self.socket = sock
        self.deadline = _NEVER  # by the monotonic clock
        self.is_idle = False  # no byte of the next request has come
        self.has_expired = False
        self._credit = 0.0  # seconds that a byte adds to the deadline
        self._sends = False

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
        """The application works; it takes the time that it takes."""
        self.is_idle = False
        self._credit = 0.0
        self.deadline = _NEVER

    def send(self, data: bytes) -> None:
        """Raises OSError."""
        rest = memoryview(data)
        self._sends = True
        while rest:
            self.deadline = monotonic() + SEND_SECONDS
            rest = rest[self.socket.send(rest) :]
        self._sends = False
        self.deadline = _NEVER

    def linger(self) -> None:
        """Let the client read the answer. To close while it sends would be a reset, which takes the answer from it."""
        left = LINGER_BYTES
        self.deadline = monotonic() + LINGER_SECONDS
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            while left > 0 and (received := self.socket.recv(65_536)):
                left -= len(received)

    def end_soon(self, seconds: float) -> None:
        """If no request comes. The next one is on its way, it may be."""
        if self.is_idle:
            self.deadline = min(self.deadline, monotonic() + seconds)

    def expire(self) -> None:
        """End the waiting: who waits for bytes finds their end, once what has come is read; who sends, an error."""
        self.has_expired, self.deadline = True, _NEVER
        with suppress(OSError):
            if self._sends:  # to somebody who reads nothing: the kernel, too, shall keep nothing for him
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # gevent's own shutdown would raise an error in who reads, even if something has come.
            self.socket._sock.shutdown(socket.SHUT_RDWR if self._sends else socket.SHUT_RD)
