"""Act on the job that the child is running: kill it, stop it on request, hold it to its limits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from taskdesk.jobs.losses import PROCESS_HUNG, TIME_LIMIT
from taskdesk.worker.failure import STOPPED, Failure
from taskdesk.worker.release import How
from taskdesk.worker.shared.activity import Activity, RunningJob
from taskdesk.worker.supervisor.hang_detector import HangDetector
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.settlement import Settlement

ALARM_GRACE_SECONDS = 5.0  # over its time limit; then a job that ignores the alarm is killed

log = logging.getLogger("worker")


class Ending(NamedTuple):
    """The way in which a job ends whose child was killed."""

    how: How
    failure: Failure
    running: RunningJob


class JobControl:
    """`ending`: set while the child is dead because of it, and not settled yet."""

    def __init__(self, process: ChildProcess, activity: Activity, settlement: Settlement):
        self.ending: Ending | None = None
        self._process = process
        self._activity = activity
        self._settlement = settlement
        self._hang_detector = HangDetector(activity)

    def begin(self) -> None:
        """Watch over a new child."""
        self.ending = None
        self._hang_detector.begin()

    def enforce_limits(self, running: RunningJob | None, *, is_redis_away: bool) -> None:
        """Kill a child that has no more time: its worker stops, its job ignores its time limit, or it hangs."""
        if self._process.is_overdue:
            self._process.kill()
        elif running and running.is_at_work and 0 < running.timeout < running.seconds - ALARM_GRACE_SECONDS:
            self.kill(
                running,
                How.FAILED,
                Failure.of_loss(TIME_LIMIT(seconds=running.timeout), "It did not react to its alarm."),
            )
        elif self._hang_detector.is_hanging(running, is_redis_away=is_redis_away):
            self._kill_hanging(running)

    def kill(self, running: RunningJob, how: How, failure: Failure) -> None:
        """Kill the child if it is still running this job."""
        self.act_if_at_work(running, partial(self._kill, Ending(how, failure, running)))

    def stop(self, running: RunningJob) -> None:
        """Stop a job on request. If its function has ended, end it in Redis; its child's own report is then refused."""
        if running.is_at_work:
            self.kill(running, How.STOPPED, STOPPED)
        else:
            self._settlement.release(How.STOPPED, STOPPED, running)

    def act_if_at_work(self, running: RunningJob, act: Callable[[], None]) -> bool:
        """Act if the function of this job has not ended, and return True then. The child is held while we look.

        A child that waits for Redis is not held: the kernel would begin anew each time to count how long it has waited.
        """
        if not running.is_at_work:
            return False
        with self._process.held() as is_held:
            now = self._activity.read() if is_held else None
            if not now or now.execution != running.execution or not now.is_at_work:
                return False
            act()
            return True

    def _kill(self, ending: Ending) -> None:
        self.ending = ending
        self._process.kill()

    def _kill_hanging(self, running: RunningJob | None) -> None:
        """Kill the child, which hangs while no function runs, unless it has just gone on."""
        with self._process.held():
            if self._hang_detector.has_shown_life():
                return
            log.error("the process that runs jobs (%d) does not respond: it is killed and replaced", self._process.pid)
            if running:
                self.ending = Ending(How.LOST, Failure.of_loss(PROCESS_HUNG), running)
            self._process.kill()
        self._hang_detector.begin()
