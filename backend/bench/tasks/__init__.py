"""The tasks that every library runs. The peers' environment has no Taskdesk: this needs `redis` alone."""

import os
import time
from functools import cache

from redis import Redis

DONE = "bench:done"  # counter: the jobs that ran
ARRIVED = "bench:arrived"  # list: when a job started (Unix seconds)


def count() -> int:
    """Do nothing but count.

    Returns how many jobs have run, this one included.
    """
    return int(_redis().incr(DONE))


def arrive() -> None:
    """Tell when this job started."""
    _redis().rpush(ARRIVED, time.time())


def simple_task(task_arg: str, seconds: int = 0) -> str:
    """Give the text back with a prefix."""
    time.sleep(seconds)
    return f"prefix___{task_arg}"


@cache
def _redis() -> Redis:
    """One connection for each process: a process that forks has never called this itself."""
    return Redis.from_url(os.environ["REDIS_URL"])
