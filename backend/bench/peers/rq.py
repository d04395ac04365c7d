"""RQ, for its two workers: one that forks for each job, and one that does not."""

import os

from redis import Redis
from rq import Queue

from bench.tasks import arrive, count

queue = Queue("bench", connection=Redis.from_url(os.environ["REDIS_URL"]))


def submit(number: int) -> None:
    for _ in range(number):
        queue.enqueue(count, result_ttl=500)


def submit_arrival() -> None:
    queue.enqueue(arrive, result_ttl=500)
