"""Tell the child whether another worker has handed back a job that this worker serves.

A job's task may be in another version of the tasks package (a rolling deploy), in another package on the same queue, or
of a worker that reads pickles. Such a job has not begun, so handing it back charges no attempt: lua/hand_back.lua gives
it to RQ's scheduler, and lua/adopt.lua to a worker that serves it. A worker looks for such jobs only while its
supervisor has seen some, so a worker that serves all that is queued pays nothing for this.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from weakref import finalize

from taskdesk.jobs.catalog import Catalog


class ForeignJobs:
    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        self.served = "{}"  # as adopt.lua takes it
        self._is_there = ctypes.c_bool.from_buffer(mmap.mmap(-1, 1))
        self.wakeup = os.pipe()  # the idle child waits at its reading end
        for end in self.wakeup:
            os.set_blocking(end, False)
            finalize(self, os.close, end)

    def serve(self, catalog: Catalog) -> None:
        """This worker serves these tasks. Call it in the supervisor and in its child."""
        versions = [f"{reference}@{spec.version}" for reference, spec in catalog.by_reference.items()]
        self._served = dict.fromkeys((*catalog.by_call, *versions), 1)
        self.served = json.dumps(self._served)

    @property
    def are_there(self) -> bool:
        return self._is_there.value

    def look(self, wanted: Iterable[bytes]) -> None:
        """Tell the child whether this worker serves one of these tasks of handed-back jobs (see tick.lua)."""
        are_there = any(one.decode() in self._served for one in wanted)
        self._is_there.value = are_there
        if are_there:
            with suppress(BlockingIOError):  # the child has not read the last one
                os.write(self.wakeup[1], b".")
