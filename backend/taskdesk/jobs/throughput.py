"""How many jobs of a queue have ended in each minute of the last hour, as worker/lua/throughput.lua counts them.

A job counts once, when it has ended for good. One that was canceled or stopped does not, nor one of a stock worker.
Its worker tells of one that has succeeded within two seconds; if the worker is killed before, that job does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MINUTES = 60
PACE_MINUTES = 10


@dataclass(frozen=True)
class LastHour:
    """Jobs that ended in each of MINUTES minutes, the oldest first; the last is not over at `until` (Unix time)."""

    until: float
    succeeded: list[int]
    failed: list[int]

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes], now: float) -> LastHour:
        """What the hash at `ended_key` says; `now` by Redis's clock, as its minutes are."""
        this = int(now // 60)
        succeeded, failed = (
            [int(fields.get(f"{minute} {outcome}".encode(), 0)) for minute in range(this - MINUTES + 1, this + 1)]
            for outcome in ("succeeded", "failed")
        )
        return cls(now, succeeded, failed)

    @property
    def since(self) -> float:
        """When the first of these minutes began (Unix time)."""
        return (self.until // 60 - MINUTES + 1) * 60

    def pace(self, since: float) -> float:
        """Jobs that ended per second, from the minute of `since` (Unix time) on, over PACE_MINUTES at most."""
        minutes = max(1, min(PACE_MINUTES, int(self.until // 60 - since // 60) + 1))
        seconds = self.until % 60 + (minutes - 1) * 60
        return (sum(self.succeeded[-minutes:]) + sum(self.failed[-minutes:])) / max(seconds, 1)
