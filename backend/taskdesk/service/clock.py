"""The time by Redis's clock, for whatever one machine writes and another compares: machines differ, and clocks jump.

A process hears it now and then, when it talks to Redis anyhow, and goes on from there by a clock that never jumps. The
processes that it has forked know what it has heard. Until the first has heard something it is this machine's time.
"""

from __future__ import annotations

import mmap
import time
from datetime import UTC, datetime

from redis import Redis

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former goes on while the machine sleeps
_offset = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")  # [0]: Unix time by Redis minus the monotonic clock


def monotonic() -> float:
    """Seconds that never jump, for how long something takes."""
    return time.clock_gettime(_MONOTONIC)


def now() -> float:
    """Unix time."""
    return time.clock_gettime(_MONOTONIC) + _offset[0]


def utc_now() -> datetime:
    return datetime.fromtimestamp(now(), UTC)


def adjust(answer: tuple[int, int], asked: float) -> float:
    """The Unix time, after Redis's `answer` to TIME, for which it was asked at `asked` (monotonic).

    What we have is right as far as anybody can tell if it is between the question and the answer.
    """
    seconds, microseconds = map(int, answer)
    told = seconds + microseconds / 1e6
    _offset[0] = min(max(_offset[0], told - monotonic()), told - asked)
    return now()


def sync(redis: Redis) -> float:
    """The Unix time, fresh from Redis."""
    asked = monotonic()
    return adjust(redis.time(), asked)


_offset[0] = time.time() - monotonic()
