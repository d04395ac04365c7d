"""What the child is at, for its supervisor: a page of memory that both see.

The child writes before a task's function begins; the supervisor reads now and then, and when the child has died. So
neither costs a round trip, and a job whose function never began is told from one that was cut off.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from taskdesk.service import clock

_VERSION = struct.Struct("=Q")  # odd while the child writes what follows
# At work, refused; began (Unix, monotonic), time limit, prefetches, lengths, job, execution.
_RUN = struct.Struct("=? ? d d d ? 2H 1000s 100s")
_TOTAL = struct.Struct("=Q d")  # of one queue: jobs that have succeeded, seconds that they took
_REVOKED = struct.Struct("=100s")  # execution
_SIGN = struct.Struct("=d d")  # when the child last showed that it goes on (monotonic), seconds that it asked for
_RUN_AT, _UNCONFIRMED_AT, _REVOKED_AT, _SIGN_AT, _TOTALS_AT = 8, 1200, 2400, 2500, 2520


class RunningJob(NamedTuple):
    """A job that the child has taken up. `began` is Unix time, `since` monotonic; `timeout` in seconds, 0 for none.

    `is_at_work`: its function has not ended. Else the child is telling Redis, which may know already.
    `is_refused`: its function did not begin, and another worker may run it.
    `prefetches`: its worker may hold the next job already.
    """

    is_at_work: bool
    is_refused: bool
    job_id: str
    execution: str
    began: float
    since: float
    timeout: float
    prefetches: bool

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


class Activity:
    def __init__(self, queues: Sequence[str]):
        """`queues`: those that the child takes jobs from. A job may say that it is of another."""
        self._queues = {queue: number for number, queue in enumerate([*queues, ""])}
        self._page = mmap.mmap(-1, _TOTALS_AT + _TOTAL.size * len(self._queues))
        self._version = 0

    # For the child

    def begin(
        self, job_id: str, execution: str, timeout: float, *, prefetches: bool = False, prev_unconfirmed: bool = False
    ) -> None:
        """The function of this job begins now.

        `prefetches`: the worker may be given the next job meanwhile. `prev_unconfirmed`: Redis may not know yet how the
        job before this one has ended.
        """
        job, run = job_id.encode(), execution.encode()
        page = self._page
        self._version += 2
        _VERSION.pack_into(page, 0, self._version - 1)
        if prev_unconfirmed:
            page.move(_UNCONFIRMED_AT, _RUN_AT, _RUN.size)
        else:
            _RUN.pack_into(page, _UNCONFIRMED_AT, False, False, 0, 0, 0, False, 0, 0, b"", b"")
        began = clock.now(), time.monotonic()
        _RUN.pack_into(page, _RUN_AT, True, False, *began, timeout, prefetches, len(job), len(run), job, run)
        _VERSION.pack_into(page, 0, self._version)

    def refuse(self) -> None:
        """Its function does not begin here: should the child die, the job has lost no attempt."""
        self._page[_RUN_AT + 1] = True

    def rest(self) -> None:
        """Its function has ended: there is nothing to stop any more."""
        self._page[_RUN_AT] = False

    def show_life(self, patience: float = 0.0) -> None:
        """The child goes on, at each of its steps outside of a function and at least every ten seconds.

        `patience`: seconds that the step which follows may take in addition (see hang_detector.py).
        """
        _SIGN.pack_into(self._page, _SIGN_AT, time.monotonic(), patience)

    def is_revoked(self, execution: str) -> bool:
        """Whether the job that was prefetched during this execution is no longer ours."""
        return self._page[_REVOKED_AT : _REVOKED_AT + len(execution)] == execution.encode()

    def succeeded(self, queue: str, seconds: float) -> None:
        """A job of this queue that took so long has succeeded."""
        at = _TOTALS_AT + _TOTAL.size * self._queues.get(queue, len(self._queues) - 1)
        jobs, total = _TOTAL.unpack_from(self._page, at)
        _TOTAL.pack_into(self._page, at, jobs + 1, total + seconds)

    # For both

    def clear(self) -> None:
        """Nothing runs: the child is idle, or a new one starts."""
        self._page[:_REVOKED_AT] = bytes(_REVOKED_AT)

    # For the supervisor

    def read(self) -> RunningJob | None:
        """What runs, or ran last; None if the child is idle, or just writing."""
        return self._read(_RUN_AT)

    def read_unconfirmed(self) -> RunningJob | None:
        """What ran before it, if Redis may not know how that has ended."""
        return self._read(_UNCONFIRMED_AT)

    def sign_of_life(self) -> tuple[float, float]:
        """The child's last one: when it was shown, and the patience that it asks for, in seconds."""
        return _SIGN.unpack_from(self._page, _SIGN_AT)

    def revoke(self, execution: str) -> None:
        """The child is not to begin what it has prefetched during this execution."""
        _REVOKED.pack_into(self._page, _REVOKED_AT, execution.encode())

    def totals(self) -> tuple[Counter[str], float]:
        """How many jobs of each queue have succeeded, and the seconds that they took: of all children so far.

        Those of a queue that is not ours are under "".
        """
        rows = [_TOTAL.unpack_from(self._page, _TOTALS_AT + _TOTAL.size * n) for n in self._queues.values()]
        jobs = Counter({queue: row[0] for queue, row in zip(self._queues, rows, strict=True)})
        return jobs, sum(row[1] for row in rows)

    def _read(self, at: int) -> RunningJob | None:
        [version] = _VERSION.unpack_from(self._page)
        at_work, refused, began, since, timeout, prefetches, id_size, run_size, job, run = _RUN.unpack_from(
            self._page, at
        )
        if version % 2 or not id_size or _VERSION.unpack_from(self._page)[0] != version:
            return None
        return RunningJob(
            at_work, refused, job[:id_size].decode(), run[:run_size].decode(), began, since, timeout, prefetches
        )
