"""Few of the idle workers watch the queues, and wake the others one by one.

Redis wakes every worker that watches a queue for each job, and each then asks for the job: 85 µs of Redis's time for
every idle worker and job, so 100 idle workers would limit a desk to about 100 jobs per second. So only MAX_LOOKOUTS of
the workers with the same queues have a place and watch them. The others wait for a token, and Redis gives each token to
one of them. A worker that is given a job gives up its place and leaves a token, or two if more jobs wait. A worker that
gets a token takes a free place.

Only time depends on this: a worker that waits for a token looks every few seconds whether a place is free, because the
lease of a worker that died has ended or a token was lost.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress

from redis import Redis
from redis.connection import Connection
from redis.exceptions import RedisError

from taskdesk.jobs.keys import lookouts_key, tokens_key
from taskdesk.service.connection import open_connection
from taskdesk.worker.scripts import LOOKOUT

MAX_LOOKOUTS = 2  # so that one is left if the other dies
LEASE_SECONDS, RENEW_SECONDS = 15, 4.0  # of a place; the worker renews it when it next wakes up


class Lookout:
    """The place of one worker, if it has one. `tokens`: the key of the list at which it waits otherwise."""

    def __init__(self, redis: Redis, worker_name: str, queue_keys: tuple[str, ...]):
        queues = hashlib.sha1(" ".join(sorted(queue_keys)).encode(), usedforsecurity=False).hexdigest()[:16]
        self.tokens = tokens_key(queues)
        self._redis = redis
        self._queues = queue_keys
        self._arguments = lookouts_key(queues), self.tokens, worker_name, MAX_LOOKOUTS
        self._connection: Connection | None = None
        self._has_left = False  # its answer was not read yet
        self._renew_at = 0.0
        self._is_idle = False

    def has_place(self) -> bool:
        """Return True if this worker has to watch the queues; take a free place. Raises RedisError, OSError."""
        if time.monotonic() < self._renew_at:
            return True
        self._is_idle = True
        if not self._connection:
            self._connection = open_connection(self._redis)
        has_place = bool(LOOKOUT(self._redis, *self._arguments, LEASE_SECONDS, keys=self._queues))
        self._renew_at = time.monotonic() + RENEW_SECONDS if has_place else 0.0
        return has_place

    def leave(self) -> None:
        """Give up the place, and wake another worker. This does not wait for Redis: a job is about to begin."""
        connection, was_idle = self._connection, self._is_idle
        self._renew_at, self._is_idle = 0.0, False
        if not connection or not was_idle:
            return
        try:
            if self._has_left:
                connection.read_response()
            keys = len(self._queues), *self._queues
            connection.send_command("EVALSHA", LOOKOUT.sha, *keys, *self._arguments, 0, check_health=False)
            self._has_left = True
        except (RedisError, OSError):
            self.close()

    def close(self) -> None:
        if self._connection:
            with suppress(RedisError, OSError):
                self._connection.disconnect()
        self._connection, self._has_left = None, False
