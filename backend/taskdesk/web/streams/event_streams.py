"""All event streams of this process: progress, log and state of jobs, with replay after `Last-Event-ID`.

One greenlet per watched job reads Redis and notifies the job's watchers; no watcher asks Redis for anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.jobs import Jobs
from taskdesk.web.streams.event_feed import EventFeed, Listener
from taskdesk.web.streams.job_notifier import RECONNECT_SECONDS, JobNotifier
from taskdesk.web.streams.stream_limit import StreamLimit
from taskdesk.web.streams.watcher import Watcher

HEARTBEAT_SECONDS = 15.0
WATCHERS_PER_TURN = 100  # notified without a break; then other requests get a turn
TURN_SECONDS = 1e-6  # with 0 gevent would go on without a look at its sockets


class EventStreams:
    """The watchers of this process, and one feed for each job that they watch."""

    def __init__(
        self,
        redis: Redis,
        jobs: Jobs,
        notifier: JobNotifier,
        most: int,
        most_per_client: int,
        heartbeat: float = HEARTBEAT_SECONDS,
    ):
        self._redis = redis
        self._jobs = jobs
        self._notifier = notifier
        self._limit = StreamLimit(most, most_per_client)
        self._heartbeat = heartbeat
        self._lock = threading.Lock()  # for the feeds and their watchers; never held during a call to Redis
        self._feeds: dict[str, EventFeed] = {}

    def __len__(self) -> int:
        return self._limit.count

    def open(self, job_id: str, last_id: str, client: str, is_allowed: Callable[[], bool] | None = None) -> Watcher:
        """Watch a job as long as `is_allowed`, which is called at each heartbeat and must need no round trip.

        Raises TooManyStreams, JobNotFound, JobExpired, RedisError.
        """
        self._limit.enter(client)
        try:
            return self._watch(job_id, last_id, client, is_allowed)
        except Exception:
            self._limit.leave(client)
            raise

    def close(self) -> None:
        """End all streams without an `end` message: their clients reconnect, and continue where they were."""
        with self._lock:
            feeds = list(self._feeds.values())
        for feed in feeds:
            for watcher in _in_turns(feed.watchers):
                watcher.close()

    def _watch(self, job_id: str, last_id: str, client: str, is_allowed: Callable[[], bool] | None) -> Watcher:
        with self._lock:
            if feed := self._feeds.get(job_id):
                return self._join(feed, last_id, client, is_allowed)
        self._jobs.get(job_id)
        fresh = EventFeed(self._redis, self._jobs, job_id)
        fresh.read()
        with self._lock:  # another request may have been faster
            feed = fresh if fresh.over else self._feeds.setdefault(job_id, fresh)
            watcher = self._join(feed, last_id, client, is_allowed)
        if feed is fresh and not fresh.over:
            threading.Thread(target=self._run, args=(fresh,), name=f"feed {job_id}", daemon=True).start()
        return watcher

    def _join(self, feed: EventFeed, last_id: str, client: str, is_allowed: Callable[[], bool] | None) -> Watcher:
        watcher = Watcher(feed, last_id, client, self._heartbeat, self._leave, is_allowed)
        feed.watchers.add(watcher)
        return watcher

    def _leave(self, watcher: Watcher) -> None:
        feed = watcher.feed
        with self._lock:
            feed.watchers.discard(watcher)
            if not feed.watchers:
                self._forget(feed)
                feed.news.set()
        self._limit.leave(watcher.client)

    def _forget(self, feed: EventFeed) -> None:
        if self._feeds.get(feed.job_id) is feed:
            del self._feeds[feed.job_id]

    def _run(self, feed: EventFeed) -> None:
        """Read a job's events and notify its watchers, until the job is final or has no watcher."""
        feed.news = self._notifier.add(feed.job_id)
        try:
            pause = 0.0  # no pause at first: there may be news since the feed was read
            sent = checked = time.monotonic()
            while feed.watchers and not feed.over:
                feed.news.wait(pause)
                feed.news.clear()
                was_live = feed.is_live
                has_news, pause = self._read(feed)
                if has_news:
                    sent = _to_all(feed, lambda watcher: watcher.wake())
                if feed.is_live != was_live or time.monotonic() - sent >= self._heartbeat:
                    sent = _to_all(feed, lambda watcher: watcher.send_heartbeat())
                if time.monotonic() - checked >= self._heartbeat:
                    checked = _to_all(feed, lambda watcher: watcher.check())
        finally:
            self._notifier.remove(feed.job_id, feed.news)
            self._end(feed)

    def _read(self, feed: EventFeed) -> tuple[bool, float]:
        """Return True if there is news, and the seconds until the next read if no notification comes before."""
        try:
            has_news = feed.read()
            feed.is_live = True
            return has_news, self._heartbeat
        except RedisError:
            feed.is_live = False
            return False, RECONNECT_SECONDS

    def _end(self, feed: EventFeed) -> None:
        with self._lock:
            self._forget(feed)
        feed.over = True  # also after an error: the clients reconnect
        for watcher in _in_turns(feed.watchers):
            watcher.wake()


def _to_all(feed: EventFeed, notify: Callable[[Listener], None]) -> float:
    """Notify all watchers of the feed, and return the time."""
    now = time.monotonic()
    for watcher in _in_turns(feed.watchers):
        notify(watcher)
    return now


def _in_turns(watchers: Collection[Listener]) -> Iterator[Listener]:
    for number, watcher in enumerate(tuple(watchers), 1):
        yield watcher
        if number % WATCHERS_PER_TURN == 0:
            time.sleep(TURN_SECONDS)
