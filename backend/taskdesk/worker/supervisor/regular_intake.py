"""Look for jobs of plain RQ programs, about once a second, by one worker at a time (jobs/intake.py)."""

from __future__ import annotations

import time

from taskdesk.jobs.intake import LONGEST_SECONDS, Intake

MARGIN_SECONDS = 0.01  # so that the pause after the last look is over


class RegularIntake:
    def __init__(self, intake: Intake):
        self._intake = intake
        self._next = 0.0

    def do_if_due(self) -> None:
        """Raises RedisError."""
        if time.monotonic() >= self._next:
            pause = self._intake.look_for(LONGEST_SECONDS)
            self._next = time.monotonic() + (pause + MARGIN_SECONDS if pause else 0)
