"""The tasks that every library runs. They need only `redis`, because the peers' environment has no Taskdesk."""

import os
import time
from functools import cache

from redis import Redis

DONE = "bench:done"  # counter: the jobs that ran
ARRIVED = "bench:arrived"  # list: when a job started (Unix seconds)


def count() -> int:
    """Count this job, and return how many have run."""
    return int(_redis().incr(DONE))


def arrive() -> None:
    """Record when this job started."""
    _redis().rpush(ARRIVED, time.time())


def simple_task(task_arg: str, seconds: int = 0) -> str:
    """Return the text with a prefix."""
    time.sleep(seconds)
    return f"prefix___{task_arg}"


@cache
def _redis() -> Redis:
    """Return the connection of this process. A process that forks has never called this itself."""
    return Redis.from_url(os.environ["REDIS_URL"])
