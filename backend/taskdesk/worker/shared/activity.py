"""The job that the child runs, in memory that child and supervisor share.

The child writes before a task's function begins; the supervisor reads now and then, and when the child has died. So
neither needs a round trip, and the supervisor can distinguish a job whose function never began from one that was cut
off.

The child may be killed between any two of its instructions, and the supervisor must still find a whole record. So the
child writes the next record into a free slot and then publishes it by one store of 8 bytes, the version. There are
three slots: the current job, the one before it, and the free one.
"""

from __future__ import annotations

import ctypes
import mmap
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from taskdesk.service import clock

MAX_JOB_ID_BYTES, MAX_EXECUTION_BYTES = 1000, 100
_SLOTS = 3
_READ_ATTEMPTS = 3  # a reader that the child outruns as often sees nothing


class _Run(ctypes.Structure):
    """A RunningJob; no job if `job_size` is 0."""

    _fields_ = (
        ("is_at_work", ctypes.c_bool),
        ("is_refused", ctypes.c_bool),
        ("prefetches", ctypes.c_bool),
        ("prev_unconfirmed", ctypes.c_bool),
        ("job_size", ctypes.c_uint16),
        ("began", ctypes.c_double),
        ("since", ctypes.c_double),
        ("timeout", ctypes.c_double),
        ("job", ctypes.c_ubyte * MAX_JOB_ID_BYTES),  # ids of other programs may contain a NUL
        ("execution", ctypes.c_char * MAX_EXECUTION_BYTES),
    )

    def as_running_job(self) -> RunningJob | None:
        if not self.job_size:
            return None
        return RunningJob(
            is_at_work=self.is_at_work,
            is_refused=self.is_refused,
            job_id=bytes(self.job)[: self.job_size].decode(errors="replace"),
            execution=self.execution.decode(),
            began=self.began,
            since=self.since,
            timeout=self.timeout,
            prefetches=self.prefetches,
        )


class _Page(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint64),  # runs[version % _SLOTS] is current
        ("runs", _Run * _SLOTS),
        ("revoked", ctypes.c_char * (MAX_EXECUTION_BYTES + 1)),
        ("life_shown_at", ctypes.c_double),  # monotonic
        ("life_extra_seconds", ctypes.c_double),
    )


class _Total(ctypes.Structure):
    """The number of jobs of one queue that have succeeded, and the seconds that they took."""

    _fields_ = (("jobs", ctypes.c_uint64), ("seconds", ctypes.c_double))


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
        names = [*queues, ""]
        memory = mmap.mmap(-1, ctypes.sizeof(_Page) + ctypes.sizeof(_Total) * len(names))
        self._page = _Page.from_buffer(memory)
        self._runs: list[_Run] = list(self._page.runs)
        self._job_ids = [memoryview(run.job).cast("B") for run in self._runs]
        totals = (_Total * len(names)).from_buffer(memory, ctypes.sizeof(_Page))
        self._totals: dict[str, _Total] = dict(zip(names, totals, strict=True))

    # For the child

    def begin(
        self, job_id: str, execution: str, timeout: float, *, prefetches: bool = False, prev_unconfirmed: bool = False
    ) -> None:
        """The function of this job begins now.

        `prefetches`: the worker may be given the next job meanwhile. `prev_unconfirmed`: Redis may not know yet how the
        job before this one has ended.
        """
        version = self._page.version + 1
        slot = version % _SLOTS
        run = self._runs[slot]
        job = job_id.encode()[:MAX_JOB_ID_BYTES]
        run.is_at_work, run.is_refused = True, False
        run.prefetches, run.prev_unconfirmed = prefetches, prev_unconfirmed
        run.began, run.since, run.timeout = clock.now(), time.monotonic(), timeout
        self._job_ids[slot][: len(job)] = job
        run.job_size = len(job)
        run.execution = execution.encode()
        self._page.version = version

    def refuse(self) -> None:
        """Its function does not begin here: should the child die, the job has lost no attempt."""
        self._current.is_refused = True

    def end_function(self) -> None:
        """Its function has ended: there is nothing to stop any more."""
        self._current.is_at_work = False

    def show_life(self, extra_seconds: float = 0.0) -> None:
        """The child goes on, at each of its steps outside of a function and at least every ten seconds.

        `extra_seconds`: how much longer than usual the next step may take (see supervisor/hang_detector.py).
        """
        self._page.life_extra_seconds = extra_seconds
        self._page.life_shown_at = time.monotonic()

    def is_revoked(self, execution: str) -> bool:
        """Return True if the job that was prefetched during this execution is no longer ours."""
        return bool(self._page.revoked == execution.encode())

    def succeeded(self, queue: str, seconds: float) -> None:
        """Count a job of this queue that has succeeded after so many seconds."""
        total = self._totals.get(queue) or self._totals[""]
        total.jobs += 1
        total.seconds += seconds

    def execution_of(self, job_id: str) -> str:
        """Return the execution of this job while its function runs; else an empty text."""
        run = self._current
        if run.is_at_work and bytes(run.job)[: run.job_size] == job_id.encode()[:MAX_JOB_ID_BYTES]:
            return bytes(run.execution).decode()
        return ""

    def is_at_work_on(self, execution: str) -> bool:
        """Return True while the function of this execution runs."""
        run = self._current
        return bool(run.is_at_work) and run.execution == execution.encode()

    # For both

    def clear(self) -> None:
        """Nothing runs: the child is idle, or a new one starts."""
        version = self._page.version + 1
        run = self._runs[version % _SLOTS]
        run.job_size, run.prev_unconfirmed = 0, False
        self._page.version = version

    # For the supervisor

    def read(self) -> RunningJob | None:
        """Return what runs, or ran last; None if the child is idle."""
        for _ in range(_READ_ATTEMPTS):
            version = self._page.version
            run = _Run.from_buffer_copy(self._runs[version % _SLOTS])
            if self._page.version <= version + 1:  # from the next version on, the child writes into this slot
                return run.as_running_job()
        return None

    def read_unconfirmed(self) -> RunningJob | None:
        """Return what ran before it, if Redis may not know how that has ended."""
        for _ in range(_READ_ATTEMPTS):
            version = self._page.version
            before = _Run.from_buffer_copy(self._runs[(version - 1) % _SLOTS])
            is_unconfirmed = self._runs[version % _SLOTS].prev_unconfirmed
            if self._page.version == version:
                return before.as_running_job() if is_unconfirmed else None
        return None

    def sign_of_life(self) -> tuple[float, float]:
        """Return when the child has shown its last sign (monotonic), and its extra seconds."""
        return self._page.life_shown_at, self._page.life_extra_seconds

    def revoke(self, execution: str) -> None:
        """Keep the child from beginning what it has prefetched during this execution."""
        self._page.revoked = execution.encode()

    def totals(self) -> tuple[Counter[str], float]:
        """Return the number of jobs that have succeeded, by queue, and the seconds that they took together.

        The jobs of all children so far count. Jobs of a queue that is not ours count under "".
        """
        jobs = Counter({queue: total.jobs for queue, total in self._totals.items()})
        return jobs, sum(total.seconds for total in self._totals.values())

    @property
    def _current(self) -> _Run:
        run: _Run = self._runs[self._page.version % _SLOTS]
        return run
