"""Note when the lines of the running job's log were printed (jobs/log_times.py)."""

from __future__ import annotations

import time
from collections.abc import Sequence

from redis import Redis

from taskdesk.jobs.log_times import LineTime, add_time, read_times, times_text
from taskdesk.service import clock

PAUSE_SECONDS = 1.0  # between two records


class LogClock:
    def __init__(self) -> None:
        self._job_id = ""
        self._times: Sequence[LineTime] = ()
        self._next = 0.0

    def note(self, redis: Redis, job_id: str, began: float, size_before: int, offset: int) -> str:
        """Return the records with one for the lines from `offset` on, as text; empty if they need none.

        `began`: when the attempt did (monotonic), 0 if unknown. `size_before`: bytes of earlier attempts.
        """
        now = time.monotonic()
        if self._job_id != job_id:
            self._job_id, self._next = job_id, 0 if size_before else began + PAUSE_SECONDS
            self._times = read_times(redis, job_id) if size_before or not began else ()
        if now < self._next:
            return ""
        self._next = now + PAUSE_SECONDS
        self._times = add_time(self._times, LineTime(offset, int(clock.now())))
        return times_text(self._times)
