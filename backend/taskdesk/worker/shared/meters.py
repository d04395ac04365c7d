"""The counts of the worker processes of one program, in memory that all of them map and that outlives each.

Each process has a row, and each field of it has one writer: the child, where it says so, else the supervisor. So
nothing is locked, a job costs three additions, and the counts of a process that was killed stay.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice, takewhile
from typing import NamedTuple, TypeVar

from taskdesk.jobs.statistics import BOUNDS

MAX_TASKS = 1_000  # that are counted; places that nobody takes cost no memory
MAX_REFERENCE_BYTES = 255

_Structure = TypeVar("_Structure", bound=ctypes.Structure)


class _Process(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_double)
        for name in (
            *("pid", "template", "child", "running", "redis_up", "redis_outages"),
            *("recycled", "killed", "lost"),  # children, by how they ended
            *("rescued", "handed_back"),  # jobs of lost workers; jobs that the child has handed back, each time
        )
    )


class _Task(ctypes.Structure):
    """The counts of one task, which the child writes: see Attempts. The reference is empty while nothing has it."""

    _fields_ = (
        ("reference", ctypes.c_char * 256),
        ("failed", ctypes.c_double),
        ("succeeded", ctypes.c_double),
        ("seconds", ctypes.c_double),
        ("counts", ctypes.c_double * len(BOUNDS)),
    )


class Attempts(NamedTuple):
    """The attempts at jobs of one task that have ended. `seconds`: their sum.

    `counts`: for each of BOUNDS, the attempts that took at most so long, and longer than the bound before.
    """

    failed: int
    succeeded: int
    seconds: float
    counts: list[int]


class Row:
    """The counts of one worker process: of the supervisor and its child."""

    def __init__(self, process: _Process, places: Iterable[_Task]):
        self._process = process
        self._places = list(places)
        self._tasks: dict[str, _Task] = {}

    # For the supervisor

    def begin(self) -> None:
        self.set(pid=os.getpid(), template=0, child=0, running=0, redis_up=1)

    def serve(self, references: Iterable[str]) -> None:
        """Find or take a place for each task. The child also calls this, and finds what the supervisor has taken."""
        taken = self._taken()
        free = iter(self._places[len(taken) :])
        for reference in references:
            name = reference.encode()[:MAX_REFERENCE_BYTES]
            if place := taken.get(name) or next(free, None):
                place.reference, self._tasks[reference] = name, place

    def set(self, **fields: float) -> None:
        for name, value in fields.items():
            setattr(self._process, name, value)

    def count(self, name: str, more: int = 1) -> None:
        setattr(self._process, name, self[name] + more)

    def redis_is_away(self) -> None:
        if self["redis_up"]:
            self.count("redis_outages")
            self.set(redis_up=0)

    # For the child

    def count_attempt(self, task: str, *, succeeded: bool, seconds: float) -> None:
        """Count an attempt at a job of one of the worker's tasks that has ended."""
        its = self._tasks.get(task)
        if not its:
            return  # there was no place
        if succeeded:
            its.succeeded += 1
        else:
            its.failed += 1
        its.seconds += seconds
        its.counts[bisect_left(BOUNDS, seconds)] += 1

    # For readers

    def __getitem__(self, name: str) -> int:
        return int(getattr(self._process, name))

    def attempts(self) -> Iterator[tuple[str, Attempts]]:
        """Yield each task that has a place, with its attempts."""
        for name, its in self._taken().items():
            counts = list(map(int, its.counts))
            yield name.decode(errors="replace"), Attempts(int(its.failed), int(its.succeeded), its.seconds, counts)

    def _taken(self) -> dict[bytes, _Task]:
        return {place.reference: place for place in takewhile(lambda place: place.reference, self._places)}


class Meters:
    """The rows of `size` processes. Made before the processes are forked, and before anyone knows their tasks."""

    def __init__(self, size: int):
        self.began = time.time()
        places = iter(_shared(_Task, size * MAX_TASKS))
        self.rows = [Row(process, islice(places, MAX_TASKS)) for process in _shared(_Process, size)]

    def total(self, name: str) -> int:
        return sum(row[name] for row in self.rows)

    def attempts(self) -> Iterator[tuple[str, Attempts]]:
        """Yield each task with its attempts by all processes."""
        rows = defaultdict[str, list[Attempts]](list)
        for task, its in chain.from_iterable(row.attempts() for row in self.rows):
            rows[task].append(its)
        for task, all_its in rows.items():
            failed, succeeded, seconds, counts = zip(*all_its, strict=True)
            yield task, Attempts(sum(failed), sum(succeeded), sum(seconds), [sum(n) for n in zip(*counts, strict=True)])


def _shared(kind: type[_Structure], size: int) -> list[_Structure]:
    """So many of a structure, in memory that forked processes share."""
    return list((kind * size).from_buffer(mmap.mmap(-1, max(1, ctypes.sizeof(kind) * size))))
