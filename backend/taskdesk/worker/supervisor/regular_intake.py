"""Look for jobs of plain RQ programs, about once a second, by one worker at a time (jobs/intake.py)."""

from __future__ import annotations

import time

from taskdesk.jobs.intake import Intake

LONGEST_SECONDS = 0.1  # of many jobs; then heartbeats have their turn
MARGIN_SECONDS = 0.01  # so that the pause after the last look is over


class RegularIntake:
    def __init__(self, intake: Intake):
        self._intake = intake
        self._next = 0.0

    def do_if_due(self) -> None:
        """Raises RedisError."""
        until = time.monotonic() + LONGEST_SECONDS
        while self._next <= time.monotonic() < until:
            pause = self._intake.look()
            self._next = time.monotonic() + (pause + MARGIN_SECONDS if pause else 0)
