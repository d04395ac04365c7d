"""One connection to Redis for the scripts of the child: little work per call, and retries while Redis is away.

redis-py opens the connection (its URL, password, TLS, database); after that a call is one write and one read, without
the pool, the probe for a dead socket and the objects that a general client needs.
"""

from __future__ import annotations

import logging
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any, Protocol

from hiredis import Reader, pack_command
from redis import Redis
from redis.connection import Connection, DefaultParser
from redis.exceptions import NoScriptError, RedisError

from taskdesk.jobs.scripts import Script
from taskdesk.service.connection import open_connection
from taskdesk.service.redis_errors import is_passing
from taskdesk.worker.redis_retry import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, Interrupted

CHUNK_BYTES = 1 << 20  # of a large command, sent between two signs of life
CONNECT_SECONDS = 120.0  # that a silent name server may hold up a new connection

log = logging.getLogger("worker")


class ShowLife(Protocol):
    def __call__(self, extra_seconds: float = 0.0) -> None: ...


class ScriptConnection:
    """Calls scripts, each until Redis has answered or `give_up` returns True.

    `show_life` is called at each step (see shared/activity.py). `timeout`: seconds for an answer.
    """

    def __init__(self, redis: Redis, timeout: int, give_up: Callable[[], bool], show_life: ShowLife):
        self._redis = redis
        self._timeout = timeout
        self._give_up = give_up
        self._show_life = show_life
        self._connection: Connection | None = None
        self._away_since = 0.0
        self._buffer = bytearray(65536)

    def call(self, script: Script, keys: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
        """Return what the script answers. Raises Interrupted, RedisError."""
        self.send(script, keys, arguments)
        return self.answer()

    def send(self, script: Script, keys: tuple[Any, ...], arguments: tuple[Any, ...]) -> bool:
        """Send the call, whose answer `answer` reads; it has to be called next. False if there is no connection now."""
        self._script = script
        self._command = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        self._is_sent = False
        try:
            self._send()
        except (RedisError, OSError) as error:
            log.debug("Redis: %s", error)
            self.close()
        return self._is_sent

    def answer(self) -> Any:
        """Return what the script that was sent answers; send it again if need be. Raises Interrupted, RedisError."""
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            try:
                if not self._is_sent:
                    self._send()
                answer = self._receive()
            except (RedisError, OSError) as error:
                self.close()
                self._wait(error, pause)
            else:
                if not isinstance(answer, RedisError):
                    if self._away_since:
                        log.info("Redis answers again, after %.1f s", time.monotonic() - self._away_since)
                        self._away_since = 0.0
                    return answer
                if isinstance(answer, NoScriptError):
                    self._command = ("EVAL", self._script.source, *self._command[2:])
                    continue
                if not is_passing(answer):
                    raise answer
                self.close()  # another server may answer by now
                self._wait(answer, pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def wait_for_replicas(self, replicas: int, milliseconds: int) -> int:
        """Wait until so many replicas have what the last command wrote, or so long; return how many have it.

        0 if the connection is lost: nobody can tell then.
        """
        if not self._connection:
            return 0
        self._command = ("WAIT", replicas, milliseconds)
        try:
            self._send()
            answer = self._receive()
        except (RedisError, OSError) as error:
            log.debug("Redis: %s", error)
            self.close()
            return 0
        return answer if isinstance(answer, int) else 0

    def _send(self) -> None:
        if not self._connection:
            self._open()
        packed = pack_command(self._command)
        for start in range(0, len(packed), CHUNK_BYTES):
            self._show_life()
            self._socket.sendall(packed[start : start + CHUNK_BYTES])
        self._is_sent = True

    def _receive(self) -> Any:
        self._is_sent = False
        while (answer := self._reader.gets()) is False:
            try:
                received = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                raise TimeoutError(f"no answer within {self._timeout} s") from None
            if not received:
                raise ConnectionError("the connection was closed")
            self._show_life()
            self._reader.feed(self._buffer, 0, received)  # type: ignore[arg-type]  # it takes any buffer
        return answer

    def _open(self) -> None:
        self._show_life(CONNECT_SECONDS)
        connection = open_connection(self._redis)
        self._socket = connection._sock
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(self._timeout)
        else:  # the kernel keeps the time: Python's own time-out costs one more system call for each read
            self._socket.settimeout(None)
            timeout = struct.pack("@ll", self._timeout, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        # Closed, it is silent at once. Else the kernel would go on to send a command that we have given up.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
        self._reader = Reader(protocolError=ConnectionError, replyError=DefaultParser.parse_error)
        self._connection = connection

    def close(self) -> None:
        if self._connection:
            self._connection.disconnect()
            self._connection = None

    def _wait(self, error: Exception, pause: float) -> None:
        if not self._away_since:
            self._away_since = time.monotonic()
            log.error("Redis: %s; trying again until it answers", error)
        if self._give_up():
            raise Interrupted
        self._show_life()
        time.sleep(pause)
