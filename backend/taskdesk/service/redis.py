"""Connections to Redis, and its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry

from taskdesk.service.connection import SharingRedis

JOBS_SHARE = 0.8  # of Redis's memory that submits may fill; the rest is for what jobs that are accepted still need


@dataclass(frozen=True)
class Memory:
    """What Redis's data take, and may take, in bytes. `limit` is 0 if there is none."""

    used: int
    limit: int

    @property
    def is_short(self) -> bool:
        """Whether submits are refused: lua/submit.lua."""
        return 0 < self.limit * JOBS_SHARE < self.used

    @classmethod
    def of(cls, info: dict[str, Any]) -> Memory:
        """`info` is what Redis says of its memory (INFO)."""
        return cls(info["used_memory"] - info.get("mem_not_counted_for_evict", 0), info.get("maxmemory", 0))


# Connections. An idle one is watched by the kernel's keep-alive, which redis-py asks for, and not by its own PINGs.

_COMMON: dict[str, Any] = {
    "protocol": 2,  # with 3, redis-py would ask for notices of maintenance, and push messages could come at any time
    # A connection that Redis closed is opened again, once.
    "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError, ConnectionResetError, BrokenPipeError)),
}


def connect_shared(url: str) -> Redis:
    """For the web: no answer within a second is an answer, too.

    The pool is bounded and waits: 32 requests at a time is more than one gevent process needs, and a burst
    can't use up Redis's clients.
    """
    pool = BlockingConnectionPool.from_url(
        url, max_connections=32, timeout=0.9, socket_connect_timeout=0.4, socket_timeout=0.8, **_COMMON
    )
    return SharingRedis(connection_pool=pool)


def connect_with_timeout(url: str, timeout: float) -> Redis:
    """For a worker, which knows itself how to wait: no answer within `timeout` seconds is an error."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **_COMMON)
