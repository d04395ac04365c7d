"""The number of jobs of a queue that ended in each minute of the last hour. worker/lua/throughput.lua counts them.

A job counts once, when it has ended for good. Canceled and stopped jobs do not count, nor do those of a stock worker. A
worker reports its successes with a heartbeat, within two seconds; if it is killed before, they do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskdesk.jobs.damage import number_or_zero

MINUTES = 60
RATE_MINUTES = 10


@dataclass(frozen=True)
class LastHour:
    """Jobs that ended in each of MINUTES minutes, oldest first. The last minute is not over at `until` (Unix time)."""

    until: float
    succeeded: list[int]
    failed: list[int]

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes], now: float) -> LastHour:
        """Return the counts of the hash at `ended_key`. `now` has to be by Redis's clock, as the minutes are."""
        this = int(now // 60)
        succeeded, failed = (
            [
                int(number_or_zero(fields.get(f"{minute} {outcome}".encode())))
                for minute in range(this - MINUTES + 1, this + 1)
            ]
            for outcome in ("succeeded", "failed")
        )
        return cls(now, succeeded, failed)

    @property
    def since(self) -> float:
        """Unix time at which the first of these minutes began."""
        return (self.until // 60 - MINUTES + 1) * 60

    def jobs_per_second(self, since: float) -> float:
        """Return the rate from the minute of `since` (Unix time) on, over RATE_MINUTES at most."""
        minutes = max(1, min(RATE_MINUTES, int(self.until // 60 - since // 60) + 1))
        seconds = self.until % 60 + (minutes - 1) * 60
        return (sum(self.succeeded[-minutes:]) + sum(self.failed[-minutes:])) / max(seconds, 1)
