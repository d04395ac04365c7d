"""One connection to Redis for a worker's cycle: the least work per call, and patience when Redis is away.

redis-py opens the connection (its URL, password, TLS, database); after that a call is one write and one read, without
the pool, the probe for a dead socket and the objects that a general client needs.
"""

from __future__ import annotations

import logging
import math
import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

from hiredis import Reader, pack_command
from redis import Redis
from redis.connection import Connection, DefaultParser
from redis.exceptions import NoScriptError, RedisError

from taskdesk.jobs.scripts import Script
from taskdesk.service.connection import open_connection
from taskdesk.service.redis_errors import is_passing

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds until the next try
PAUSED_LOOK = 1.0  # seconds until a worker looks whether a paused queue goes on
WAKE_UP = 10.0  # seconds: who waits for a job shows at least so often that it lives
CHUNK = 1 << 20  # bytes of a large command that are sent between two signs of life
CONNECT_PATIENCE = 120.0  # seconds that a name server which does not answer may hold up a new connection

log = logging.getLogger("worker")


class ShowLife(Protocol):
    def __call__(self, patience: float = 0.0) -> None: ...


class Interrupted(Exception):
    """Interrupted: the caller has given up while Redis was away."""


class Wire:
    """Calls a script again and again until Redis has answered; `give_up` says when to stop trying, and `show_life` is
    called at each step (see activity.py).
    """

    def __init__(self, redis: Redis, timeout: int, give_up: Callable[[], bool], show_life: ShowLife):
        self._redis = redis
        self._timeout = timeout
        self._give_up = give_up
        self._show_life = show_life
        self._connection: Connection | None = None
        self._away_since = 0.0
        self._buffer = bytearray(65536)

    def script(self, script: Script, keys: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
        """What the script answers. Raises Interrupted, RedisError."""
        self.send(script, keys, arguments)
        return self.answer()

    def send(self, script: Script, keys: tuple[Any, ...], arguments: tuple[Any, ...]) -> bool:
        """Let Redis begin; `answer` has to be called next. False if there is no connection now."""
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
        """What the script that was sent answers; it is sent again if need be. Raises Interrupted, RedisError."""
        pause = SHORTEST_PAUSE
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
            pause = min(2 * pause, LONGEST_PAUSE)

    def _send(self) -> None:
        if not self._connection:
            self._open()
        packed = pack_command(self._command)
        for start in range(0, len(packed), CHUNK):
            self._show_life()
            self._socket.sendall(packed[start : start + CHUNK])
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
        self._show_life(CONNECT_PATIENCE)
        connection = open_connection(self._redis)
        self._socket = connection._sock
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(self._timeout)
        else:  # the kernel keeps the time: Python's own time-out costs one more system call for each read
            self._socket.settimeout(None)
            timeout = struct.pack("@ll", self._timeout, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        # Closed, it is silent at once: else the kernel would go on sending a command whose job we gave up.
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


class Doorbell:
    """Waits until one of several queues has a job, without taking it: one blocked connection per queue.

    `BLMOVE queue queue LEFT LEFT` changes nothing, and answers as soon as the queue has an element, whoever put it
    there. So any number of queues is watched without polling, which a blocking pop of many queues can only do by
    taking the job out of Redis.
    """

    def __init__(self, redis: Redis, queue_keys: tuple[str, ...], show_life: ShowLife):
        self._redis = redis
        self._show_life = show_life
        self._queues = queue_keys
        self._seconds = max(5.0, len(queue_keys) / 0.6)  # all of them together: at most 0.6 commands a second
        self._connections: dict[str, Connection] = {}
        self._asked: dict[str, float] = {}  # when; an answer may have come while a job ran

    def wait(self, wakeup: int, seconds: float, paused: Collection[str] = ()) -> None:
        """Return when a queue has a job or Redis is away, when `wakeup` (a descriptor) can be read, after `seconds`.

        Queues that are paused are not watched, and nobody says when they go on: then it takes PAUSED_LOOK at most.
        """
        until = time.monotonic() + (min(seconds, PAUSED_LOOK) if paused else seconds)
        try:
            while True:
                for queue in self._queues:
                    if queue not in self._asked and queue not in paused:
                        self._ask(queue)
                overdue = min(self._asked.values(), default=math.inf) + self._seconds + 3
                sockets = {self._connections[queue]._sock: queue for queue in self._asked}
                left = max(0.0, min(until, overdue) - time.monotonic())
                self._show_life()
                ready, _, _ = select.select([wakeup, *sockets], [], [], min(left, WAKE_UP))
                if not ready and left > WAKE_UP:
                    continue
                if not ready and until < overdue:
                    return
                if not ready:
                    raise TimeoutError("Redis does not answer")
                answered = [self._has_job(sockets[socket]) for socket in ready if socket in sockets]
                if wakeup in ready:
                    os.read(wakeup, 1024)
                if wakeup in ready or any(answered):
                    return
        except (RedisError, OSError) as error:
            log.debug("the queues can't be watched: %s", error)
            self.close()
            if select.select([wakeup], [], [], 0.2)[0]:
                os.read(wakeup, 1024)

    def _ask(self, queue: str) -> None:
        connection = self._connections.get(queue)
        if not connection:
            self._show_life(CONNECT_PATIENCE)
            connection = self._connections[queue] = open_connection(self._redis)
        connection.send_command("BLMOVE", queue, queue, "LEFT", "LEFT", self._seconds, check_health=False)
        self._asked[queue] = time.monotonic()

    def _has_job(self, queue: str) -> bool:
        del self._asked[queue]
        return self._connections[queue].read_response() is not None

    def close(self) -> None:
        for connection in self._connections.values():
            connection.disconnect()
        self._connections.clear()
        self._asked.clear()
