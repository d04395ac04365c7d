"""Celery, with Redis as its broker and as its result backend."""

import os

from celery import Celery

from bench import tasks

app = Celery("bench", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True
count = app.task(tasks.count)
arrive = app.task(tasks.arrive)


def submit(number: int) -> None:
    for _ in range(number):
        count.delay()


submit_arrival = arrive.delay
