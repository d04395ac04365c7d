"""Run a program with a shifted wall clock: `python -m tests.faults.clock_shift OFFSET_FILE worker.py [ARGUMENT …]`.

The file holds the number of seconds that the clock is ahead. All processes that the program forks map it, so
`set_offset` makes all their clocks jump while they run. The monotonic clock and the times of files stay right.
"""

from __future__ import annotations

import datetime
import mmap
import runpy
import struct
import sys
import time
from pathlib import Path
from typing import Any

_OFFSET = struct.Struct("=d")


def set_offset(file: Path, seconds: float) -> None:
    """Shift the clock of each process that maps this file by so many seconds from now on."""
    with file.open("r+b" if file.exists() else "wb") as open_file:  # truncating it would raise SIGBUS in them
        open_file.write(_OFFSET.pack(seconds))


def shift(file: Path) -> None:
    """Replace the wall clock of this process and of its forks. A module that has bound `time.time` keeps it."""
    with file.open("rb") as open_file:
        offset = mmap.mmap(open_file.fileno(), _OFFSET.size, prot=mmap.PROT_READ)
    clock, clock_ns = time.time, time.time_ns

    def seconds() -> float:
        ahead: float = _OFFSET.unpack_from(offset)[0]
        return ahead

    time.time = lambda: clock() + seconds()
    time.time_ns = lambda: clock_ns() + int(seconds() * 1e9)
    datetime.datetime = _shifted(datetime.datetime)  # type: ignore[misc]


def _shifted(real: type[datetime.datetime]) -> Any:
    """Return a class that makes real datetimes and counts them as its instances, but takes `now` from `time.time`."""

    class _Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, real)

    class Shifted(real, metaclass=_Kind):  # type: ignore[misc, valid-type]
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return real(*args, **kwargs)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return real.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return real.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return real.fromtimestamp(time.time())

    return Shifted


if __name__ == "__main__":
    shift(Path(sys.argv[1]))
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
