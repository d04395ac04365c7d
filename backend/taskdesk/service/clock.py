"""The time by Redis's clock, for times that one machine writes and another compares: clocks differ, and they jump.

A process reads Redis's clock when it talks to Redis anyway, and keeps the offset to its own monotonic clock. Forked
processes share the offset. Before the first reading, the time is that of this machine.
"""

from __future__ import annotations

import mmap
import time
from datetime import UTC, datetime

from redis import Redis

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former goes on while the machine sleeps
_offset = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")  # [0]: Unix time by Redis minus the monotonic clock


def monotonic() -> float:
    """Return seconds of a clock that never jumps, to measure durations."""
    return time.clock_gettime(_MONOTONIC)


def now() -> float:
    """Return the Unix time by Redis's clock."""
    return time.clock_gettime(_MONOTONIC) + _offset[0]


def utc_now() -> datetime:
    """Return the time by Redis's clock."""
    return datetime.fromtimestamp(now(), UTC)


def adjust(answer: tuple[int, int], sent_at: float) -> float:
    """Adjust the clock to Redis's `answer` to TIME, and return the Unix time.

    `sent_at` is the `monotonic()` time of the command. Redis read its clock between then and now, so the offset
    changes only as far as it contradicts that.
    """
    seconds, microseconds = map(int, answer)
    time_of_redis = seconds + microseconds / 1e6
    _offset[0] = min(max(_offset[0], time_of_redis - monotonic()), time_of_redis - sent_at)
    return now()


def sync(redis: Redis) -> float:
    """Adjust the clock by asking Redis, and return the Unix time."""
    sent_at = monotonic()
    return adjust(redis.time(), sent_at)


_offset[0] = time.time() - monotonic()
