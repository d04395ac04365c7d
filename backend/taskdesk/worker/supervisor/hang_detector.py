"""Detect a child that shows no sign of life while no function runs. No time limit would end it.

A thread that a task has left may hold the GIL in C, a log handler of a library may never return, somebody may have
stopped the process. The child writes into shared memory at each step (activity.py), and whenever it wakes up while it
waits for a job or for Redis, so one that only waits is never silent for long.

Only time that the supervisor has seen counts: if it was stopped itself, its child may have had no chance to run. Nor
does a time count in which Redis did not answer.
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
        """Count anew."""
        self._sign = self._activity.sign_of_life()
        self._looked = time.monotonic()
        self._seconds = 0.0

    def is_too_long(self, running: RunningJob | None, *, is_redis_away: bool) -> bool:
        """Return True if the child has to be killed. To be asked at each look at the child."""
        if is_redis_away or self.is_broken() or (running and running.is_at_work):
            self.begin()
            return False
        now = time.monotonic()
        self._seconds += min(now - self._looked, LONGEST_STEP_SECONDS)
        self._looked = now
        return self._seconds > HANG_SECONDS + self._sign[1]

    def is_broken(self) -> bool:
        """Return True if the child has shown a sign of life since the last look."""
        return self._activity.sign_of_life() != self._sign
