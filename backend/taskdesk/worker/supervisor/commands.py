"""The commands that RQ's tools send to a worker: stop a job, shut down, kill the child."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from redis import Redis
from redis.client import PubSub

log = logging.getLogger("worker")


class Commands:
    def __init__(self, redis: Redis, channel: str):
        self._redis = redis
        self._channel = channel
        self._pubsub: PubSub | None = None

    def subscribe(self) -> None:
        self.close()
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(self._channel)

    def read(self) -> Iterator[tuple[str, str]]:
        """Return the name of each command that has arrived, and the id of its job or "". Skip what is unreadable.

        Raises RedisError.
        """
        assert self._pubsub
        while message := self._pubsub.get_message():
            try:
                command = json.loads(message["data"])
                name, job_id = command["command"], command.get("job_id")
            except (ValueError, TypeError, KeyError, AttributeError):
                log.warning("a command to this worker is unreadable and ignored: %.100r", message["data"])
            else:
                yield name, job_id or ""

    def close(self) -> None:
        if self._pubsub:
            self._pubsub.close()
