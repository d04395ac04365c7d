"""Notify the requests and event streams that wait for news of a job.

One Redis subscriber per process serves all of them; it starts with the first. They then read the job from Redis, so a
notification that gets lost only delays them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict

from redis import Redis
from redis.exceptions import ConnectionError, RedisError

from taskdesk.jobs.keys import WAKE
from taskdesk.service.redis import connect_with_timeout

SILENCE_SECONDS = 5.0  # after so long a silence ping Redis, and wait as long for the pong
RECONNECT_SECONDS = 1.0  # until the next try to reach Redis

log = logging.getLogger("stream")


class JobNotifier:
    def __init__(self, redis_url: str):
        self._redis_url = redis_url
        self._waiting: dict[str, set[threading.Event]] = defaultdict(set)
        self._lock = threading.Lock()
        self._started = False
        self._lost = False

    def add(self, job_id: str) -> threading.Event:
        """Return an event that is set when the job has news, or may have had some. The caller clears it."""
        news = threading.Event()
        with self._lock:
            self._waiting[job_id].add(news)
            if not self._started:
                self._started = True
                threading.Thread(target=self._listen_for_ever, name="job notifier", daemon=True).start()
        return news

    def remove(self, job_id: str, news: threading.Event) -> None:
        with self._lock:
            self._waiting[job_id].discard(news)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    def wake_all(self) -> None:
        self._wake(list(self._waiting))

    def _listen_for_ever(self) -> None:
        redis = connect_with_timeout(self._redis_url, SILENCE_SECONDS)
        while True:
            try:
                self._listen(redis)
            except (RedisError, OSError) as error:
                if not self._lost:  # log it once, however long it lasts
                    log.warning(
                        "lost the channel of events in Redis (%s); streams and waiting requests poll until it is back",
                        error,
                    )
                self._lost = True
                time.sleep(RECONNECT_SECONDS)

    def _listen(self, redis: Redis) -> None:
        with redis.pubsub() as pubsub:
            pubsub.subscribe(WAKE)
            is_pinged = False
            while True:
                message = pubsub.get_message(timeout=SILENCE_SECONDS)
                if message is None:
                    if is_pinged:
                        raise ConnectionError("Redis is silent")
                    pubsub.ping()
                elif message["type"] == "subscribe":  # also after a reconnect, when news may have been missed
                    self._lost = False
                    self.wake_all()
                elif message["type"] == "message":
                    self._wake(message["data"].decode().split())
                is_pinged = message is None

    def _wake(self, job_ids: list[str]) -> None:
        for job_id in job_ids:
            for news in tuple(self._waiting.get(job_id, ())):
                news.set()
