"""The body of a request: it has to come in time, and what is left unread of it is skipped only if it is little."""

from __future__ import annotations

from contextlib import suppress
from typing import BinaryIO

from gevent.pywsgi import Input

from taskdesk.web.server.connection import Connection
from taskdesk.web.server.request_parser import Refusal

MAX_SKIPPED_BYTES = 65_536  # bytes that are cheaper read than a new connection is made


class RequestBody(Input):
    """`length` bytes. If `expected` (Expect: 100-continue), the client sends them when it is told that they are read.

    Reading raises Refusal if they do not come.
    """

    __slots__ = ("_connection",)

    def __init__(self, stream: BinaryIO, length: int, connection: Connection, expected: bool):
        super().__init__(stream, length, connection.socket if expected else None)
        self._connection = connection

    @property
    def left(self) -> int:
        """How many bytes were not read."""
        return int(self.content_length - self.position)

    @property
    def is_skippable(self) -> bool:
        """Whether the next request can be reached by reading what is left; a client that waits would not send it."""
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
        """pywsgi does so after each answer, however much is left."""
        if self.is_skippable:
            with suppress(Refusal):
                super()._discard()
