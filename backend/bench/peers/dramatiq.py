"""Dramatiq, with the middleware that stores results."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench import tasks

broker = RedisBroker(url=os.environ["REDIS_URL"])
broker.add_middleware(Results(backend=RedisBackend(url=os.environ["REDIS_URL"])))
dramatiq.set_broker(broker)

count = dramatiq.actor(tasks.count, store_results=True)
arrive = dramatiq.actor(tasks.arrive, store_results=True)


def submit(number: int) -> None:
    for _ in range(number):
        count.send()


submit_arrival = arrive.send
