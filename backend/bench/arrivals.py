"""From the submission of a job to its start, as its submitter sees it. The peers' environment runs this, too."""

import random
import time
from collections.abc import Callable

from redis import Redis

from bench.tasks import ARRIVED

WARM_UP = 10  # jobs: the first ones open connections
PAUSE = (0.04, 0.06)  # seconds: the worker is idle again, and no rhythm of its own can hide


def latencies(redis: Redis, submit_arrival: Callable[[], object], number: int) -> list[float]:
    """Seconds from just before the submission to the start of the task, one job after the other, without warm-up."""
    return [_latency(redis, submit_arrival) for _ in range(WARM_UP + number)][WARM_UP:]


def _latency(redis: Redis, submit_arrival: Callable[[], object]) -> float:
    time.sleep(random.uniform(*PAUSE))
    submitted = time.time()
    submit_arrival()
    arrived = redis.blpop([ARRIVED], timeout=60)
    if not arrived:
        raise TimeoutError("a job did not start within 60 s")
    return float(arrived[1]) - submitted
