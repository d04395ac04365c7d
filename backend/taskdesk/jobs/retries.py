"""When a failed job is tried again: how long it waits, and the exception by which a task asks for another attempt."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

MAX_LATER_SECONDS = 366 * 24 * 3600


@dataclass(frozen=True)
class Backoff:
    """The seconds before each retry: `first`, then `factor` times as many as before, at most `most`."""

    first: float = 1.0
    factor: float = 2.0
    most: float = 300.0

    def intervals(self, retries: int) -> list[float]:
        """Return the seconds before each retry, each varied by up to 50 % at random.

        The random part spreads jobs that failed together because something that all of them need was away.
        """
        seconds, intervals = self.first, []
        for _ in range(retries):
            intervals.append(round(min(seconds, self.most) * random.uniform(0.5, 1.5), 3))
            seconds = min(seconds * self.factor, self.most)
        return intervals

    @property
    def fault(self) -> str:
        """Return what is wrong with it, in words for the author; empty if nothing is."""
        for name, least in (("first", 0), ("factor", 1), ("most", self.first)):
            value = getattr(self, name)
            if not is_number(value) or not value >= least:
                return f"{name} is {value!r}: it has to be a number from {least:g} on"
        return ""


DEFAULT_BACKOFF = Backoff()


class RetryLater(Exception):
    """Raise it in a task to end this attempt, and to try the job again after so many seconds.

    It takes one of the task's `retries`; if none is left, the job fails.
    """

    def __init__(self, seconds: float):
        if not is_number(seconds) or not 0 <= seconds <= MAX_LATER_SECONDS:
            raise ValueError(f"RetryLater({seconds!r}): give a number of seconds from 0 to {MAX_LATER_SECONDS:,}.")
        super().__init__(f"The task asked for another attempt in {seconds:g} s (RetryLater).")
        self.seconds = seconds


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
