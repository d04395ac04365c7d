"""The process that sends deliveries: it takes those that are due, and some threads send them at the same time.

One thread talks to Redis. A receiver that hangs takes a thread for five seconds, and a few threads at most
(lua/receiver.lua); jobs run in other processes, which have precedence.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from taskdesk.jobs.alerts.file import AlertsFile
from taskdesk.jobs.alerts.keeper import Keeper
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.damage import DAMAGE
from taskdesk.jobs.deliveries import (
    CLAIM,
    FAIL_DAMAGED_DELIVERY,
    RELEASE_STUCK,
    SETTLE_DELIVERY,
    DeliveryStatus,
    attempt_json,
    send,
)
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import ENDED, ENDED_LOCK, WEBHOOK_JOBS
from taskdesk.jobs.scripts import ALWAYS_RUN, FIND_ENDED
from taskdesk.service import clock
from taskdesk.service.errors import RedisFull
from taskdesk.service.outbound import receiver_of
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_errors import code_of
from taskdesk.worker.deliverer.attempt import Claimed, Outcome, Sender
from taskdesk.worker.deliverer.job_message import job_message
from taskdesk.worker.settings import WorkerSettings

MOST_AT_A_TIME = 32
LEASE_SECONDS = 30  # after which a delivery whose deliverer is silent is sent by another
POLL_SECONDS = 0.5
FIND_SECONDS = 10.0  # between two looks for ends that no worker of this version has noted
BATCH = 100
LOCK_SECONDS = 20
REDIS_SECONDS = 5.0
NICENESS = 10  # jobs come first
DAMAGED = "The delivery is damaged in Redis, so it was not sent."

log = logging.getLogger("webhooks")


def deliver(settings: WorkerSettings, alerts: AlertsFile) -> None:
    """Send deliveries and alerts until SIGTERM or SIGINT. Attempts that have begun get their five seconds."""
    stops: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stops.append(received))
    os.nice(NICENESS)
    redis = connect_with_timeout(settings.redis_url.get_secret_value(), REDIS_SECONDS)
    Keeper(redis, CatalogReader(redis), alerts).start()
    sender = Sender(settings.secrets, settings.webhook_networks)
    Deliverer(redis, sender, settings.app_url).run(lambda: bool(stops))


class Deliverer:
    def __init__(self, redis: Redis, sender: Sender, app_url: str = ""):
        self._redis = redis
        self._sender = sender
        self._app_url = app_url
        self._jobs = Jobs(redis, ())
        self._done: SimpleQueue[Outcome] = SimpleQueue()
        self._unsettled: list[Outcome] = []  # while Redis is away
        self._sending = 0
        self._next_find, self._cursor = 0.0, 0

    def run(self, is_stopped: Callable[[], bool]) -> None:
        is_away, is_behind = False, False
        with ThreadPoolExecutor(MOST_AT_A_TIME, "delivery") as pool:
            while not is_stopped():
                try:
                    is_behind = self._step(pool)
                    is_away = False
                except (RedisError, OSError) as error:
                    if not is_away:
                        log.error("Redis does not answer (%s); deliveries wait", error)
                    is_away, is_behind = True, False
                    time.sleep(POLL_SECONDS)
                except Exception:  # if this process ended again and again, the pool would give up, and end all jobs
                    log.exception("a step of the deliveries failed")
                    is_behind = False
                self._wait(0 if is_behind else POLL_SECONDS)
        while self._sending:
            self._wait(POLL_SECONDS)
        self._settle()  # what Redis does not hear of, another deliverer sends again

    def _step(self, pool: ThreadPoolExecutor) -> bool:
        """Return True if there is more to do at once."""
        self._settle()
        self._find_ended()
        return self._claim(pool) > 0 and self._make_deliveries()

    def _wait(self, seconds: float) -> None:
        """Wait until an attempt has ended, and take all that have."""
        try:
            self._take(self._done.get(timeout=seconds))
            while True:
                self._take(self._done.get_nowait())
        except Empty:
            return

    def _take(self, outcome: Outcome) -> None:
        self._unsettled.append(outcome)
        self._sending -= 1

    def _settle(self) -> None:
        while self._unsettled:
            outcome = self._unsettled[0]
            try:
                SETTLE_DELIVERY(self._redis, *outcome.arguments())
                _log(outcome)
            except ResponseError as error:
                if code_of(error):  # the same may succeed later
                    raise
                log.error("Redis did not store how delivery %s went: %s", outcome.delivery.id, error)
            self._unsettled.pop(0)

    def _claim(self, pool: ThreadPoolExecutor) -> int:
        """Begin to send what is due; return how many jobs have ended that have no delivery yet."""
        ended, *claimed = CLAIM(self._redis, MOST_AT_A_TIME - self._sending, LEASE_SECONDS)
        for row in claimed:
            try:
                delivery = Claimed.of(row)
            except DAMAGE:
                log.error("delivery %s is damaged in Redis, and is not sent", row[0].decode())
                FAIL_DAMAGED_DELIVERY(self._redis, row[0], attempt_json(DAMAGED))
                continue
            self._sending += 1
            pool.submit(self._send, delivery)
        return int(ended)

    def _send(self, delivery: Claimed) -> None:
        self._done.put(self._sender.attempt(delivery))

    def _make_deliveries(self) -> bool:
        """Make deliveries of ended jobs, unless another process does; return True if some were made."""
        if not ALWAYS_RUN(self._redis, "SET", ENDED_LOCK, "1", "NX", "EX", LOCK_SECONDS):
            return False
        try:
            entries = self._redis.lrange(ENDED, 0, BATCH - 1)
            for entry in entries:
                self._make_delivery(entry)
            return bool(entries)
        except RedisFull:
            return False
        finally:
            self._redis.delete(ENDED_LOCK)

    def _make_delivery(self, entry: bytes) -> None:
        try:
            send(self._redis, job_message(self._jobs, entry, self._app_url), entry)
        except DAMAGE as error:
            log.error("the end of a job was noted in a way that can't be read, and is passed over: %s", error)
            self._redis.lrem(ENDED, 1, entry)

    def _find_ended(self) -> None:
        """Look at some jobs with a webhook: whoever has ended one may not know of webhooks.

        Also look at deliveries that wait for another one, which may be gone.
        """
        if time.monotonic() < self._next_find:
            return
        clock.sync(self._redis)
        self._cursor, ids = self._redis.sscan(WEBHOOK_JOBS, self._cursor, count=BATCH)
        for start in range(0, len(ids), BATCH):
            FIND_ENDED(self._redis, *ids[start : start + BATCH])
        RELEASE_STUCK(self._redis)
        self._next_find = time.monotonic() + (POLL_SECONDS if self._cursor else FIND_SECONDS)


def _log(outcome: Outcome) -> None:
    receiver = receiver_of(outcome.delivery.url)
    if outcome.status is DeliveryStatus.FAILED:
        log.warning("delivery %s to %s has failed: %s", outcome.delivery.id, receiver, outcome.error)
    else:
        log.debug("delivery %s to %s: %s", outcome.delivery.id, receiver, outcome.error or "delivered")
