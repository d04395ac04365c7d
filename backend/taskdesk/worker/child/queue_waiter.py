"""Wait until one of several queues has a job, or another worker says so, without polling."""

from __future__ import annotations

import logging
import math
import os
import select
import time
from collections.abc import Collection

from redis import Redis
from redis.connection import Connection
from redis.exceptions import RedisError

from taskdesk.service.connection import open_connection
from taskdesk.worker.child.lookout import Lookout
from taskdesk.worker.child.script_connection import CONNECT_SECONDS, ShowLife

PAUSED_CHECK_SECONDS = 1.0  # until a worker looks whether a paused queue was resumed
MIN_BLOCK_SECONDS = 5.0  # of a command; longer with many queues
MAX_COMMANDS_PER_SECOND = 0.6  # for all queues together, while none has a job
SIGN_OF_LIFE_SECONDS = 10.0  # from one sign of life to the next, at most, while the child waits
LATE_ANSWER_SECONDS = 3.0  # that Redis may take for an answer when a command has blocked for its time

log = logging.getLogger("worker")


class QueueWaiter:
    """Waits for a job without taking it: one blocked connection per queue, or one for a token (lookout.py).

    `BLMOVE queue queue LEFT LEFT` changes nothing, and answers as soon as the queue has an element, whoever put it
    there. So any number of queues is watched without polling, which a blocking pop of many queues can only do by
    taking the job out of Redis.
    """

    def __init__(self, redis: Redis, lookout: Lookout, queue_keys: tuple[str, ...], show_life: ShowLife):
        self._redis = redis
        self._lookout = lookout
        self._show_life = show_life
        self._queues = queue_keys
        self._block_seconds = max(MIN_BLOCK_SECONDS, len(queue_keys) / MAX_COMMANDS_PER_SECOND)
        self._connections: dict[str, Connection] = {}
        self._asked: dict[str, float] = {}  # monotonic; the answer may come while a job runs

    def wait(self, wakeup: int, seconds: float, paused: Collection[str] = ()) -> None:
        """Return when a queue has a job or Redis is away, when `wakeup` (a descriptor) can be read, or after `seconds`.

        Nothing tells when a paused queue is resumed: if there is one, this returns after PAUSED_CHECK_SECONDS.
        """
        until = time.monotonic() + (min(seconds, PAUSED_CHECK_SECONDS) if paused else seconds)
        try:
            while not self._is_over(wakeup, until, paused):
                pass
        except (RedisError, OSError) as error:
            log.debug("the queues can't be watched: %s", error)
            self.close()
            if select.select([wakeup], [], [], 0.2)[0]:
                os.read(wakeup, 1024)

    def leave(self) -> None:
        """A job begins, or this process ends: another worker is to watch instead."""
        self._lookout.leave()
        if self._asked.pop(self._lookout.tokens, None):  # else the next token would be lost
            self._connections.pop(self._lookout.tokens).disconnect()

    def _is_over(self, wakeup: int, until: float, paused: Collection[str]) -> bool:
        """Watch the queues until the next sign of life is due. Return True if there is nothing to wait for any more."""
        watched = self._watch(paused)
        overdue = min((self._asked[key] for key in watched), default=math.inf)
        overdue += self._block_seconds + LATE_ANSWER_SECONDS
        sockets = {self._connections[key]._sock: key for key in watched}
        left = max(0.0, min(until, overdue) - time.monotonic())
        self._show_life()
        ready, _, _ = select.select([wakeup, *sockets], [], [], min(left, SIGN_OF_LIFE_SECONDS))
        if not ready:
            if left <= SIGN_OF_LIFE_SECONDS and overdue <= until:
                raise TimeoutError("Redis does not answer")
            return left <= SIGN_OF_LIFE_SECONDS
        answered = [self._has_job(sockets[socket]) for socket in ready if socket in sockets]
        if wakeup in ready:
            os.read(wakeup, 1024)
        return wakeup in ready or any(answered)

    def _watch(self, paused: Collection[str]) -> Collection[str]:
        """Ask Redis for news of the queues, or for a token. Return the keys that it was asked about."""
        tokens = self._lookout.tokens
        if tokens in self._asked or not self._lookout.has_place():
            keys = asked = {tokens}
        else:
            keys = {queue for queue in self._queues if queue not in paused}
            asked = keys | self._asked.keys()
        for key in keys - self._asked.keys():
            self._ask(key)
        return asked

    def _ask(self, key: str) -> None:
        connection = self._connections.get(key)
        if not connection:
            self._show_life(CONNECT_SECONDS)
            connection = self._connections[key] = open_connection(self._redis)
        command = ("BLPOP", key) if key == self._lookout.tokens else ("BLMOVE", key, key, "LEFT", "LEFT")
        connection.send_command(*command, self._block_seconds, check_health=False)
        self._asked[key] = time.monotonic()

    def _has_job(self, key: str) -> bool:
        del self._asked[key]
        has_news = self._connections[key].read_response() is not None
        return has_news and key != self._lookout.tokens

    def close(self) -> None:
        for connection in self._connections.values():
            connection.disconnect()
        self._connections.clear()
        self._asked.clear()
        self._lookout.close()
