"""Detect a child that hangs while no function runs: no time limit would end it.

A thread that a task has left may hold the GIL in C, a log handler of a library may never return, or somebody may have
stopped the process. The child writes a sign of life into shared memory (activity.py) at each step, and whenever it
wakes up while it waits for a job or for Redis. So a child that only waits is never silent for long.

Time counts only while the supervisor looks, since its child may have been stopped together with it, and while Redis
answers.
"""

from __future__ import annotations

import time

from taskdesk.worker.shared.activity import Activity, RunningJob

HANG_SECONDS = 30.0  # without a sign of life; then the child is killed
LONGEST_STEP_SECONDS = 1.0  # that count between two looks: the supervisor may have been stopped


class HangDetector:
    def __init__(self, activity: Activity):
        self._activity = activity
        self.begin()

    def begin(self) -> None:
        """Start to count from zero."""
        self._sign = self._activity.sign_of_life()
        self._looked = time.monotonic()
        self._seconds = 0.0

    def is_hanging(self, running: RunningJob | None, *, is_redis_away: bool) -> bool:
        """Return True if the child has to be killed. Call this at each look at the child."""
        if is_redis_away or self.has_shown_life() or (running and running.is_at_work):
            self.begin()
            return False
        now = time.monotonic()
        self._seconds += min(now - self._looked, LONGEST_STEP_SECONDS)
        self._looked = now
        return self._seconds > HANG_SECONDS + self._sign[1]

    def has_shown_life(self) -> bool:
        """Return True if the child has shown a sign of life since the last look."""
        return self._activity.sign_of_life() != self._sign
