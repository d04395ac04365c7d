"""Repeat a step until Redis has answered it: no outage may cost a worker its start, or a job its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0  # between two attempts

_Answer = TypeVar("_Answer")

log = logging.getLogger("worker")


class Interrupted(Exception):
    """Interrupted: the caller has given up while Redis was away."""


def retry_until_redis_answers(
    step: Callable[[], _Answer],
    redis: Redis,
    *,
    is_passing: Callable[[Exception], bool] = lambda error: True,
    on_attempt: Callable[[], None] = lambda: None,
    on_failure: Callable[[int], bool] = lambda attempts: True,
) -> _Answer:
    """Return what `step` returns. It is called again while it raises RedisError or OSError, and so must be idempotent.

    `on_attempt` is called before each attempt, `on_failure` after each one that failed, with the number of attempts so
    far: if it returns False, this raises Interrupted. An error that is not `is_passing` is raised as it is.
    """
    attempts, pause = 0, SHORTEST_PAUSE_SECONDS
    while True:
        attempts += 1
        on_attempt()
        try:
            return step()
        except (RedisError, OSError) as error:
            if not is_passing(error):
                raise
            if attempts == 1:
                log.error("Redis: %s; trying again until it answers", error)
        if not on_failure(attempts):
            raise Interrupted
        redis.connection_pool.disconnect(inuse_connections=False)  # another server may answer by now
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
