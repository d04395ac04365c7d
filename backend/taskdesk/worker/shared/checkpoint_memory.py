"""The last checkpoint of the running job, in memory that child and supervisor share.

The child writes, and the supervisor sends it to Redis: once a second while the job runs, and at once when its process
has died. So a checkpoint takes the task some microseconds, and a killed process costs no step that it had kept.

As in activity.py, the child writes into a free slot and then publishes it by one store of 8 bytes. There are more slots
than two because a task may keep a checkpoint every few microseconds while the supervisor reads one.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from typing import NamedTuple

from taskdesk.jobs.checkpoints import MAX_CHECKPOINT_BYTES

_SLOTS = 8
_HEAD = struct.Struct("<100sI")  # execution, size of the record
_SLOT_BYTES = _HEAD.size + MAX_CHECKPOINT_BYTES + 200  # the record also has the place in the loop
_FIRST = 64  # bytes before the slots: the number
_READ_ATTEMPTS = 3


class KeptCheckpoint(NamedTuple):
    """`number` grows with each checkpoint of a worker."""

    number: int
    execution: str
    record: bytes


class CheckpointMemory:
    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _FIRST + _SLOTS * _SLOT_BYTES)
        self._number = ctypes.c_uint64.from_buffer(self._memory)

    @property
    def number(self) -> int:
        return self._number.value

    def write(self, execution: str, record: bytes) -> None:
        number = self._number.value + 1
        at = self._place(number)
        self._memory[at : at + _HEAD.size + len(record)] = _HEAD.pack(execution.encode(), len(record)) + record
        self._number.value = number

    def read(self, execution: str) -> KeptCheckpoint | None:
        """Return the last checkpoint of this execution; None if it has none, or if its child writes too fast."""
        for _ in range(_READ_ATTEMPTS):
            number = self._number.value
            at = self._place(number)
            its_execution, size = _HEAD.unpack_from(self._memory, at)
            record = self._memory[at + _HEAD.size : at + _HEAD.size + size]
            if self._number.value < number + _SLOTS - 1:
                is_its = its_execution.rstrip(b"\0") == execution.encode()
                return KeptCheckpoint(number, execution, record) if is_its else None
        return None

    def _place(self, number: int) -> int:
        return _FIRST + number % _SLOTS * _SLOT_BYTES
