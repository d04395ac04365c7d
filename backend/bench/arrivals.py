"""Measure the time from the submission of a job to its start. This also runs in the peers' environment."""

import random
import time
from collections.abc import Callable

from redis import Redis

from bench.tasks import ARRIVED

WARM_UP_JOBS = 10  # the first ones open connections
PAUSE_SECONDS = (0.04, 0.06)  # random, so that it matches no rhythm of the worker, which is idle again


def latencies(redis: Redis, submit_arrival: Callable[[], object], number: int) -> list[float]:
    """Return the seconds from just before each submission to the start of its task, one job after the other."""
    return [_latency(redis, submit_arrival) for _ in range(WARM_UP_JOBS + number)][WARM_UP_JOBS:]


def _latency(redis: Redis, submit_arrival: Callable[[], object]) -> float:
    time.sleep(random.uniform(*PAUSE_SECONDS))
    submitted = time.time()
    submit_arrival()
    arrived = redis.blpop([ARRIVED], timeout=60)
    if not arrived:
        raise TimeoutError("a job did not start within 60 s")
    return float(arrived[1]) - submitted
