"""What the child is at, for its supervisor: a page of memory that both see.

The child writes before a task's function begins; the supervisor reads now and then, and when the child has died. So
neither costs a round trip, and a job whose function never began is told from one that was cut off.
"""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass

_LAYOUT = struct.Struct("=Q d d 2H 1500s 100s")  # version, began, time limit, lengths, job, execution
_VERSION = struct.Struct("=Q")


@dataclass(frozen=True)
class Running:
    """A job whose function has begun. `began` is Unix time; `timeout` in seconds, 0 for none."""

    job_id: str
    execution: str
    began: float
    timeout: float

    @property
    def seconds(self) -> float:
        return max(0.0, time.time() - self.began)


class Activity:
    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._version = 0

    def begin(self, job_id: str, execution: str, began: float, timeout: float) -> None:
        """The child: the function of this job begins now."""
        job, run = job_id.encode(), execution.encode()
        self._version += 2
        _VERSION.pack_into(self._page, 0, self._version - 1)  # odd: somebody is writing
        _LAYOUT.pack_into(self._page, 0, self._version - 1, began, timeout, len(job), len(run), job, run)
        _VERSION.pack_into(self._page, 0, self._version)

    def clear(self) -> None:
        """Nothing runs: the child is idle, or a new one starts."""
        _LAYOUT.pack_into(self._page, 0, 0, 0.0, 0.0, 0, 0, b"", b"")

    def read(self) -> Running | None:
        """What runs, or ran last; None if the child is idle, or just writing."""
        version, began, timeout, job_size, run_size, job, run = _LAYOUT.unpack_from(self._page)
        if version % 2 or not job_size or _VERSION.unpack_from(self._page)[0] != version:
            return None
        return Running(job[:job_size].decode(), run[:run_size].decode(), began, timeout)
