"""Wait until one of several queues has a job, without polling."""

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
from taskdesk.worker.child.script_connection import CONNECT_SECONDS, ShowLife

PAUSED_CHECK_SECONDS = 1.0  # until a worker looks whether a paused queue was resumed
MIN_BLOCK_SECONDS = 5.0  # of a command; longer with many queues
MAX_COMMANDS_PER_SECOND = 0.6  # for all queues together, while none has a job
SIGN_OF_LIFE_SECONDS = 10.0  # from one sign of life to the next, at most, while the child waits
LATE_ANSWER_SECONDS = 3.0  # that Redis may take for an answer when a command has blocked for its time

log = logging.getLogger("worker")


class QueueWaiter:
    """Waits for a job without taking it: one blocked connection per queue.

    `BLMOVE queue queue LEFT LEFT` changes nothing, and answers as soon as the queue has an element, whoever put it
    there. So any number of queues is watched without polling, which a blocking pop of many queues can only do by
    taking the job out of Redis.
    """

    def __init__(self, redis: Redis, queue_keys: tuple[str, ...], show_life: ShowLife):
        self._redis = redis
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

    def _is_over(self, wakeup: int, until: float, paused: Collection[str]) -> bool:
        """Watch the queues until the next sign of life is due. Return True if there is nothing to wait for any more."""
        for queue in self._queues:
            if queue not in self._asked and queue not in paused:
                self._ask(queue)
        overdue = min(self._asked.values(), default=math.inf) + self._block_seconds + LATE_ANSWER_SECONDS
        sockets = {self._connections[queue]._sock: queue for queue in self._asked}
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

    def _ask(self, queue: str) -> None:
        connection = self._connections.get(queue)
        if not connection:
            self._show_life(CONNECT_SECONDS)
            connection = self._connections[queue] = open_connection(self._redis)
        connection.send_command("BLMOVE", queue, queue, "LEFT", "LEFT", self._block_seconds, check_health=False)
        self._asked[queue] = time.monotonic()

    def _has_job(self, queue: str) -> bool:
        del self._asked[queue]
        return self._connections[queue].read_response() is not None

    def close(self) -> None:
        for connection in self._connections.values():
            connection.disconnect()
        self._connections.clear()
        self._asked.clear()
