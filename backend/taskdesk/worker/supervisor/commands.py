"""The commands that RQ's tools send to a worker: stop a job, shut down, kill the child."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import NamedTuple

from redis import Redis
from redis.client import PubSub

log = logging.getLogger("worker")


class Command(NamedTuple):
    """`job_id`, `execution_id`: what the command is about; empty if it is about none."""

    name: str
    job_id: str
    execution_id: str

    def is_to_stop(self, job_id: str, execution_id: str) -> bool:
        is_about = (self.name, self.execution_id) in (("stop-job", ""), ("stop-execution", execution_id))
        return is_about and self.job_id == job_id


class Commands:
    def __init__(self, redis: Redis, channel: str):
        self._redis = redis
        self._channel = channel
        self._pubsub: PubSub | None = None

    def subscribe(self) -> None:
        self.close()
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(self._channel)

    def read(self) -> Iterator[Command]:
        """Return the commands that have arrived. Skip what is unreadable.

        Raises RedisError.
        """
        assert self._pubsub
        while message := self._pubsub.get_message():
            try:
                command = json.loads(message["data"])
                read = Command(command["command"], command.get("job_id") or "", command.get("execution_id") or "")
            except (ValueError, TypeError, KeyError, AttributeError):
                log.warning("a command to this worker is unreadable and ignored: %.100r", message["data"])
            else:
                yield read

    def close(self) -> None:
        if self._pubsub:
            self._pubsub.close()
