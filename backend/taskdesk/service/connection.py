"""Connections outside redis-py's pool: one for a single owner, and one that all callers of a process share.

redis-py opens them (URL, password, TLS, database) and turns answers into its own Python values and errors. Everything
between is one write and one read. redis-py itself takes a connection from the pool for each call and checks whether it
still works; under gevent, that is a turn of the event loop for each call. A submit takes 83 µs of CPU this way, and
190 µs by the pool of redis-py 8.1 (111 µs by that of 5.3.1).
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from hiredis import Reader
from redis import Redis
from redis.connection import Connection, DefaultParser, HiredisRespSerializer
from redis.exceptions import ConnectionError, InvalidResponse, TimeoutError

from taskdesk.service.redis_errors import needs_new_connection

_READ_BYTES = 65536  # at a time


def open_connection(redis: Redis) -> Connection:
    """Open a connection outside the pool; the caller closes it. Raises RedisError, OSError.

    The pool would count every connection that was ever made, and allows 100.
    """
    pool = redis.connection_pool
    connection: Connection = pool.connection_class(**pool.connection_kwargs)
    connection.connect()
    return connection


class SharingRedis(Redis):  # type: ignore[misc]  # mypy does not follow redis
    """A client that sends the commands of concurrent callers to Redis in one round trip, which is what costs most.

    A command is sent at once if none is under way, else together with all others that arrive until then. It must not be
    used for commands that block. Pipelines and subscriptions have connections of their own, as in redis-py.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._serial = _SerialConnection(self)
        self._packer = HiredisRespSerializer()
        self._waiting: deque[_Command] = deque()
        self._sending = threading.Lock()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        command = _Command(b"".join(self._packer.pack(*args)))
        self._waiting.append(command)
        with self._sending:
            if not command.is_done:  # no other caller has sent it with its own
                self._send(command)
        return self.parse_response(command, args[0], **options)

    def close(self) -> None:
        super().close()
        self._serial.close()

    def _send(self, own: _Command) -> None:
        commands = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            answers = self._serial.ask(b"".join([command.packed for command in commands]), len(commands))
        except Exception as error:
            # Callers that wait by now also fail, so that none has a second time-out.
            commands += [self._waiting.popleft() for _ in range(len(self._waiting))]
            answers = [error] * len(commands)
        except BaseException as error:  # this caller was killed, so the others lose their answers
            lost = ConnectionError("Redis: the answer was not read.")
            answers = [error if command is own else lost for command in commands]
        for command, answer in zip(commands, answers, strict=True):
            command.answer, command.is_done = answer, True


@dataclass(slots=True)
class _Command:
    packed: bytes
    answer: Any = None
    is_done: bool = False

    def read_response(self, **_: Any) -> Any:
        """Return or raise the answer. redis-py's `parse_response` calls this, as on a connection."""
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class _SerialConnection:
    """A connection for one caller at a time. If Redis has closed it, it is opened again, once."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._connection: Connection | None = None
        self._buffer = bytearray(_READ_BYTES)

    def ask(self, packed: bytes, count: int) -> list[Any]:
        """Send `count` packed commands and return their answers, errors among them. Raises RedisError."""
        connection = self._connection
        if connection and connection.pid == os.getpid():
            try:
                return self._exchange(packed, count)
            except ConnectionError:
                pass
        self._open()
        return self._exchange(packed, count)

    def _open(self) -> None:
        self._connection = open_connection(self._redis)
        self._socket = self._connection._sock
        self._reader = Reader(protocolError=InvalidResponse, replyError=DefaultParser.parse_error)

    def _exchange(self, packed: bytes, count: int) -> list[Any]:
        try:
            self._socket.sendall(packed)
            answers = [self._receive() for _ in range(count)]
        except BaseException as error:  # late answers would be taken for those of the next commands
            self.close()
            if isinstance(error, OSError):
                kind = TimeoutError if isinstance(error, socket.timeout) else ConnectionError
                raise kind(f"Redis: {error}") from None
            raise
        if any(isinstance(answer, Exception) and needs_new_connection(answer) for answer in answers):
            self.close()
        return answers

    def _receive(self) -> Any:
        while (answer := self._reader.gets()) is False:
            received = self._socket.recv_into(self._buffer)
            if not received:
                raise ConnectionError("Redis has closed the connection.")
            self._reader.feed(self._buffer, 0, received)  # type: ignore[arg-type]  # any buffer will do
        return answer

    def close(self) -> None:
        if self._connection:
            self._connection.disconnect()
            self._connection = None
