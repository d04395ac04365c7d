"""Rate limits for logins (brute force) and for writes (`RATE_LIMIT`).

The counts are in Redis. While Redis is away, each process counts for itself.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from limits import parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import ConnectionPool
from redis.exceptions import RedisError

from taskdesk.service.errors import AppError

LOGINS = "10/minute"  # for each address, and for each name
_Ask = Callable[..., bool]  # a method of the limiter
_SCOPE = "taskdesk"

log = logging.getLogger("rate_limits")


class TooManyRequests(AppError):
    """Too many requests: the client is over its rate limit."""

    status = 429

    def __init__(self, seconds: int):
        self.headers = {"Retry-After": str(seconds)}
        super().__init__(f"Too many requests. Try again in {seconds} s.")


class RateLimit:
    """One or more limits, such as `10/minute;100/day`, each counted for every key."""

    def __init__(self, pool: ConnectionPool, rates: str):
        self._limits = parse_many(rates)
        self._in_redis = FixedWindowRateLimiter(RedisStorage("redis://", connection_pool=pool))
        self._in_memory = FixedWindowRateLimiter(MemoryStorage())

    def count(self, *key: str) -> None:
        """Count a request for this key. Raises TooManyRequests."""
        self._apply(FixedWindowRateLimiter.hit, key)

    def check(self, *key: str) -> None:
        """Raise TooManyRequests if a further request for this key would be over the limit."""
        self._apply(FixedWindowRateLimiter.test, key)

    def _apply(self, ask: _Ask, key: tuple[str, ...]) -> None:
        try:
            self._apply_to(self._in_redis, ask, key)
        except RedisError as error:
            log.warning("A request is counted for its limit by this process alone, not in Redis: %s", error)
            self._apply_to(self._in_memory, ask, key)

    def _apply_to(self, limiter: FixedWindowRateLimiter, ask: _Ask, key: tuple[str, ...]) -> None:
        for limit in self._limits:
            if not ask(limiter, limit, _SCOPE, *key):
                reset_at, _ = limiter.get_window_stats(limit, _SCOPE, *key)
                raise TooManyRequests(max(math.ceil(reset_at - time.time()), 1))
