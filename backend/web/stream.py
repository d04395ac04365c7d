"""Server-Sent Events of one job: progress, log and state, with replay after `Last-Event-ID`.

One Redis subscriber per process wakes all watchers, and starts with the first of them; a watcher costs no connection.
The job and its stream in Redis are what is read, so a missed wake-up only delays.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobkit.errors import AppError
from jobkit.events import read, read_log
from jobkit.job import Job
from jobkit.jobs import Jobs
from jobkit.redis import WAKE, connect_patiently

HEARTBEAT = 15.0  # seconds

log = logging.getLogger("stream")


class Wakeups:
    """Wakes the watchers of a job when the worker says that it has news."""

    def __init__(self, redis_url: str):
        self._redis_url = redis_url
        self._watchers: dict[str, set[threading.Event]] = defaultdict(set)
        self._lock = threading.Lock()
        self._started = False

    def add(self, job_id: str) -> threading.Event:
        news = threading.Event()
        with self._lock:
            self._watchers[job_id].add(news)
            if not self._started:
                self._started = True
                threading.Thread(target=self._listen, name="wakeups", daemon=True).start()
        return news

    def remove(self, job_id: str, news: threading.Event) -> None:
        with self._lock:
            self._watchers[job_id].discard(news)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    def _listen(self) -> None:
        redis = connect_patiently(self._redis_url)
        while True:
            try:
                with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    pubsub.subscribe(WAKE)
                    for message in pubsub.listen():
                        for job_id in message["data"].decode().split():
                            for news in tuple(self._watchers.get(job_id, ())):
                                news.set()
            except RedisError as error:
                log.warning("lost the channel of events (%s); watchers poll until it is back", error)
                time.sleep(1)


def event_stream(redis: Redis, jobs: Jobs, wakeups: Wakeups, job: Job, last_id: str) -> Iterator[bytes]:
    """The events of a job as text/event-stream: a `state` first, then what comes, then `end`."""
    news = wakeups.add(job.id)
    shown = job.status
    try:
        yield b"retry: 2000\n\n" + _message("state", {"status": shown}, last_id)
        while True:
            job = jobs.get(job.id)
            if job.status != shown and not job.is_final:
                shown = job.status
                yield _message("state", {"status": shown}, last_id)
            for event in read(redis, job.id, last_id):
                last_id = event.id
                data = event.data
                if event.type == "log":
                    data = {**data, "text": read_log(redis, job.id, data["offset"], data["size"])}
                yield _message(event.type, data, event.id)
            if job.is_final:
                break
            if not news.wait(HEARTBEAT):
                yield b": heartbeat\n\n"
            news.clear()
        if job.status != shown:
            yield _message("state", {"status": job.status}, last_id)
        yield _message("end", {"status": job.status}, last_id)
    except AppError as error:
        yield _message("end", {"status": "gone", "detail": str(error)}, last_id)
    except RedisError:
        return  # the client reconnects, and goes on after the last id that it saw
    finally:
        wakeups.remove(job.id, news)


def _message(type: str, data: dict[str, Any], event_id: str) -> bytes:
    return f"id: {event_id}\nevent: {type}\ndata: {json.dumps(data)}\n\n".encode()
