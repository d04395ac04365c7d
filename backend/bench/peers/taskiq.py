"""Taskiq, on the fastest of its Redis brokers: a list, without acknowledgement."""

import asyncio
import os

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from bench import tasks

URL = os.environ["REDIS_URL"]
broker = ListQueueBroker(URL).with_result_backend(RedisAsyncResultBackend(URL))
count = broker.task(tasks.count)
arrive = broker.task(tasks.arrive)
loop = asyncio.new_event_loop()


def submit(number: int) -> None:
    async def submit_all() -> None:
        for _ in range(number):
            await count.kiq()

    loop.run_until_complete(submit_all())


def submit_arrival() -> None:
    loop.run_until_complete(arrive.kiq())
