"""Look after the child while it runs jobs."""

from __future__ import annotations

import logging
import os
import select
import time

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.service.redis_errors import READ_ONLY, code_of, is_passing
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.supervisor.duties import Duties
from taskdesk.worker.supervisor.job_control import JobControl
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.signals import StopSignals
from taskdesk.worker.supervisor.stop_grace import StopGrace

BUSY_LOOK_SECONDS, IDLE_LOOK_SECONDS = 0.03, 0.1  # between two looks at the child, unless a signal comes
REDIS_AWAY_SECONDS = 0.2  # between two attempts to reach Redis
REFUSAL_LOG_SECONDS = 600.0  # between two log lines about the same refusal

log = logging.getLogger("worker")


class Watch:
    def __init__(
        self,
        process: ChildProcess,
        shared: SharedMemory,
        redis: Redis,
        *,
        control: JobControl,
        duties: Duties,
        signals: StopSignals,
        stop_grace: StopGrace,
    ):
        self._process = process
        self._activity, self._meters, self._output = shared.activity, shared.meters, shared.output
        self._redis = redis
        self._control = control
        self._duties = duties
        self._signals = signals
        self._stop_grace = stop_grace
        self._is_redis_away = False
        self._refusal, self._refusal_logged_at = "", 0.0

    def until_end(self, wakeup: int) -> int:
        """Return the exit status of the child, as `os.waitstatus_to_exitcode` gives it.

        `wakeup`: a descriptor that can be read when a signal has come.
        """
        self._meters.set(child=self._process.pid)
        self._control.begin()
        while (status := self._process.poll()) is None:
            if self._signals.is_set:
                self._process.stop(self._stop_grace.seconds(self._activity.read()))
            self.look()
            if select.select([wakeup], [], [], BUSY_LOOK_SECONDS if self._activity.read() else IDLE_LOOK_SECONDS)[0]:
                os.read(wakeup, 1024)
        self._meters.set(child=0, running=0)
        return status

    def look(self) -> None:
        """Do all that is due now. While Redis is away the child is still held to its limits."""
        running = self._activity.read()
        self._meters.set(running=bool(running))
        self._output.bound_file()
        if self._process.pid:
            self._control.enforce_limits(running, is_redis_away=self._is_redis_away)
        try:
            self._duties.do_what_is_due(running)
            self._is_redis_away = False
            self._meters.set(redis_up=1)
        except (RedisError, OSError) as error:
            self._wait_for_redis(error)

    def _wait_for_redis(self, error: Exception) -> None:
        if not is_passing(error):
            self._log_refusal(str(error))
        elif not self._is_redis_away:
            log.error("Redis does not answer (%s); trying again", error)
        self._is_redis_away = True
        self._meters.redis_is_away()
        if code_of(error) == READ_ONLY:  # another server is the master by now
            self._redis.connection_pool.disconnect()
        time.sleep(REDIS_AWAY_SECONDS)

    def _log_refusal(self, refusal: str) -> None:
        """Other commands succeed meanwhile, so the next look does not know that this one was refused before."""
        if refusal == self._refusal and time.monotonic() < self._refusal_logged_at + REFUSAL_LOG_SECONDS:
            return
        self._refusal, self._refusal_logged_at = refusal, time.monotonic()
        log.error(
            "Redis refuses a command of this worker: %s. If it is a matter of rights, let the user of REDIS_URL run "
            "all commands (ACL SETUSER <user> +@all). The worker goes on and tries again.",
            refusal,
        )
