"""The body of a request: it has to arrive in time, and an unread rest is skipped only if it is small."""

from __future__ import annotations

from contextlib import suppress
from typing import BinaryIO

from gevent.pywsgi import Input

from taskdesk.service.http.connection import Connection
from taskdesk.service.http.request_parser import Refusal

MAX_SKIPPED_BYTES = 65_536  # up to here, reading the rest is cheaper than a new connection


class RequestBody(Input):  # type: ignore[misc]  # gevent has no types
    """A body of `length` bytes. With `expected` (Expect: 100-continue), the client sends it after an interim answer.

    Reading raises Refusal if the body does not arrive.
    """

    __slots__ = ("_connection",)

    def __init__(self, stream: BinaryIO, length: int, connection: Connection, expected: bool):
        super().__init__(stream, length, connection.socket if expected else None)
        self._connection = connection

    @property
    def left(self) -> int:
        """Return the number of bytes that were not read."""
        return int(self.content_length - self.position)

    @property
    def is_skippable(self) -> bool:
        """Return True if the rest can be read to reach the next request: it is small, and the client sends it."""
        may_come = self.socket is None and not self._connection.has_expired
        return not self.left or (self.left <= MAX_SKIPPED_BYTES and may_come)

    def _do_read(self, length: int | None = None, use_readline: bool = False) -> bytes:
        self._connection.await_body()
        try:
            content: bytes = super()._do_read(length, use_readline)
        except OSError:
            if self._connection.has_expired:
                raise Refusal(408, "The body came too slowly.") from None
            raise Refusal(400, "The connection ended before the body.") from None
        finally:
            self._connection.await_nothing()
        return content

    def _discard(self) -> None:
        """Skip the rest if it is small. pywsgi calls this after each answer and would read any rest."""
        if self.is_skippable:
            with suppress(Refusal):
                super()._discard()
