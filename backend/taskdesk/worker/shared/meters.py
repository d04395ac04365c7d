"""What the worker processes of one program count: a page of memory that all of them see, and that outlives each.

Each process has a row, and each cell of it one writer: the supervisor has the FIELDS but for one, its child the rest.
So nothing is locked, a job costs three additions, and what a process that was killed has counted stays.
"""

from __future__ import annotations

import mmap
import os
import time
from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import NamedTuple

from taskdesk.jobs.statistics import BOUNDS

_FIELDS = (
    *("pid", "child", "running", "redis_up", "redis_outages"),
    *("recycled", "killed", "lost", "rescued"),  # children by how they ended; jobs of lost workers
    "handed_back",  # jobs, each time; the child counts them
)
_AT = {name: number for number, name in enumerate(_FIELDS)}
_FAILED, _SUCCEEDED, _SECONDS, _BUCKETS = range(4)
_RUNS = _BUCKETS + len(BOUNDS)  # cells of a task


class Runs(NamedTuple):
    """Of one task: `seconds` is their sum; `counts` are those that took up to each of BOUNDS, and longer than the one
    before.
    """

    failed: int
    succeeded: int
    seconds: float
    counts: list[int]


class Row:
    """What one worker process counts: the supervisor and its child."""

    def __init__(self, cells: memoryview[float], tasks: Collection[str]):
        self._cells = cells
        self._tasks = {task: len(_FIELDS) + number * _RUNS for number, task in enumerate(tasks)}

    # For the supervisor

    def begin(self) -> None:
        self.set(pid=os.getpid(), child=0, running=0, redis_up=1)

    def set(self, **fields: float) -> None:
        for name, value in fields.items():
            self._cells[_AT[name]] = value

    def count(self, name: str, more: int = 1) -> None:
        self._cells[_AT[name]] += more

    def redis_is_away(self) -> None:
        if self["redis_up"]:
            self.count("redis_outages")
            self.set(redis_up=0)

    # For the child

    def ran(self, task: str, *, succeeded: bool, seconds: float) -> None:
        """A run of this task has ended, which is one of the worker's."""
        at, cells = self._tasks[task], self._cells
        cells[at + succeeded] += 1
        cells[at + _SECONDS] += seconds
        cells[at + _BUCKETS + bisect_left(BOUNDS, seconds)] += 1

    # For who shows it

    def __getitem__(self, name: str) -> int:
        return int(self._cells[_AT[name]])

    def runs(self, task: str) -> Runs:
        at = self._tasks[task]
        failed, succeeded, seconds, *counts = self._cells[at : at + _RUNS]
        return Runs(int(failed), int(succeeded), seconds, list(map(int, counts)))


class Meters:
    """The rows of `size` processes that run these tasks (by reference). Made before they are forked."""

    def __init__(self, tasks: Collection[str], size: int):
        width = len(_FIELDS) + _RUNS * len(tasks)
        cells = memoryview(mmap.mmap(-1, 8 * width * size)).cast("d")
        self.tasks = tuple(tasks)
        self.began = time.time()
        self.rows = [Row(cells[n * width : (n + 1) * width], tasks) for n in range(size)]

    def total(self, name: str) -> int:
        return sum(row[name] for row in self.rows)

    def runs(self) -> Iterator[tuple[str, Runs]]:
        """Of each task, by all processes."""
        for task in self.tasks:
            rows = [row.runs(task) for row in self.rows]
            failed, succeeded, seconds, counts = zip(*rows, strict=True)
            yield task, Runs(sum(failed), sum(succeeded), sum(seconds), [sum(n) for n in zip(*counts, strict=True)])
