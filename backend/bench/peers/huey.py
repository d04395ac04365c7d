"""Huey, on its Redis storage, which waits with BRPOP."""

import os

from huey import RedisHuey

from bench import tasks

huey = RedisHuey("bench", results=True, url=os.environ["REDIS_URL"])
count = huey.task()(tasks.count)
arrive = huey.task()(tasks.arrive)


def submit(number: int) -> None:
    for _ in range(number):
        count()


submit_arrival = arrive
