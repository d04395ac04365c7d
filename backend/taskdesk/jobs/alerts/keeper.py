"""Keep watch: evaluate the rules and send the messages, once a second, in a thread of any long-lived program.

The web runs this as well, so that a message is sent when no worker is left.
"""

from __future__ import annotations

import logging
import threading

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.alerts.courier import Courier
from taskdesk.jobs.alerts.evaluator import Evaluator
from taskdesk.jobs.alerts.file import AlertsFile
from taskdesk.jobs.catalog_reader import CatalogReader

TICK_SECONDS = 1.0

log = logging.getLogger("alerts")


class Keeper:
    def __init__(self, redis: Redis, catalog: CatalogReader, file: AlertsFile):
        self._evaluator = Evaluator(redis, catalog, file)
        self._courier = Courier(redis, file)
        self._has_channels = bool(file.channels)
        self._is_stopping = threading.Event()
        self._is_redis_away = False

    def start(self) -> None:
        """Begin to keep watch in the background; without a channel there is nothing to do."""
        if self._has_channels:
            threading.Thread(target=self._run, name="alerts", daemon=True).start()

    def stop(self) -> None:
        self._is_stopping.set()

    def tick(self) -> None:
        """Evaluate the rules if it is time, and begin to send what is due. Raises RedisError."""
        self._evaluator.do_if_due()
        self._courier.send_due()

    def _run(self) -> None:
        while not self._is_stopping.wait(TICK_SECONDS):
            try:
                self.tick()
                self._is_redis_away = False
            except RedisError as error:
                if not self._is_redis_away:
                    log.warning("alerts wait for Redis: %s", error)
                self._is_redis_away = True
            except Exception:
                log.exception("the rules of alerts can't be evaluated")
