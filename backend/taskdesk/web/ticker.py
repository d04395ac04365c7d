"""The web's own tick: with no worker online, scheduled jobs and schedules come due all the same.

So an autoscaler that counts waiting jobs starts a worker in time. A queue that a worker serves is left to the worker,
and so are the schedules while any worker of ours is online.
"""

from __future__ import annotations

import logging
import os
import socket

import gevent
from redis.exceptions import RedisError

from taskdesk.jobs.desk import Desk
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import TICK_ALONE

TICK_SECONDS = 2.0
FIRING_PER_TICK_SECONDS = 0.05  # then requests have their turn

log = logging.getLogger("web")


class Ticker:
    def __init__(self, desk: Desk):
        self._desk = desk
        self._name = f"web-{socket.gethostname()}-{os.getpid()}"

    def start(self) -> None:
        """Tick until this process ends."""
        gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            pause = TICK_SECONDS
            try:
                pause = 0 if self.tick() else TICK_SECONDS
            except RedisError as error:
                log.debug("no tick: %s", error)
            except Exception:
                log.exception("the web's tick failed")
            gevent.sleep(pause)

    def tick(self) -> bool:
        """Do what is due and what no worker does. Return True if there is more. Raises RedisError."""
        workers = [worker for worker in self._desk.catalog.read().workers if worker.catalog]
        served = {queue for worker in workers for queue in worker.queues}
        queues = [queue for queue in self._desk.queues.names if queue not in served]
        if not queues:
            return False
        more, due, now = TICK_ALONE(self._desk.redis, self._name, "" if workers else "1", now_text(), *queues)
        fired = self._desk.firing.fire([one.decode() for one in due], float(now), FIRING_PER_TICK_SECONDS)
        return bool(more) or fired
