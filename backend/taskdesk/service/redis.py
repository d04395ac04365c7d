"""Connections to Redis, and its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import BlockingConnectionPool, ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import ConnectionError
from redis.retry import Retry

from taskdesk.service.connection import SharingRedis
from taskdesk.service.sentinel import Pool, is_with_sentinels, pool_with_sentinels

JOBS_SHARE = 0.8  # of Redis's memory may be filled by submits; the rest is for results of accepted jobs


@dataclass(frozen=True)
class Memory:
    """The memory of Redis: bytes in use, and the limit (maxmemory) in bytes; 0 if there is no limit."""

    used: int
    limit: int

    @property
    def is_short(self) -> bool:
        """Return True if submits are refused (in lua/submit.lua)."""
        return 0 < self.limit * JOBS_SHARE < self.used

    @classmethod
    def of(cls, info: dict[str, Any]) -> Memory:
        """Return the memory as in `info`, Redis's answer to INFO."""
        return cls(info["used_memory"] - info.get("mem_not_counted_for_evict", 0), info.get("maxmemory", 0))


# redis-py turns on the kernel's keep-alive, which finds dead idle connections, so its own PINGs stay off.

_COMMON: dict[str, Any] = {
    "driver_info": DriverInfo(),  # by default, each connection reads the metadata of the package redis: 0.4 ms
    "protocol": 2,  # 3 would bring push messages at any time, and questions about maintenance
    # If Redis has closed a connection, it is opened again, once.
    "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError, ConnectionResetError, BrokenPipeError)),
}


def connect_shared(url: str) -> Redis:
    """Connect for many concurrent callers that must not wait: after a second without an answer, they get an error.

    The pool, for pipelines and subscriptions, is bounded, so that a burst can't use up Redis's clients; 32 connections
    are more than one gevent process needs.
    """
    return SharingRedis(
        connection_pool=_pool(
            BlockingConnectionPool, url, max_connections=32, timeout=0.9, socket_connect_timeout=0.4, socket_timeout=0.8
        )
    )


def connect_with_timeout(url: str, timeout: float) -> Redis:
    """Connect for a program that retries by itself: no answer within `timeout` seconds is an error."""
    return Redis.from_pool(_pool(ConnectionPool, url, socket_timeout=timeout, socket_connect_timeout=timeout))


def _pool(kind: type[Pool], url: str, **options: Any) -> Pool:
    if is_with_sentinels(url):
        return pool_with_sentinels(kind, url, **options, **_COMMON)
    pool: Pool = kind.from_url(url, **options, **_COMMON)
    return pool
