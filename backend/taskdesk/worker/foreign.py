"""Jobs that this worker can't run and another may: handed back uncharged, and taken over from others at once.

A job's task may be in another version of the tasks package (a rolling deploy), in another package on the same queue, or
of a worker that reads pickles. Nothing of such a job has begun, so it goes back, however few attempts it has:
lua/endings.lua keeps it for RQ's scheduler, and lua/adopt.lua gives it to a worker that serves it. A worker looks for
them only while its supervisor has seen some: who serves all that is queued pays nothing for this.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from weakref import finalize

from redis import Redis

from taskdesk.jobs.catalog import FRESH_SECONDS, CatalogReader
from taskdesk.service.errors import AppError
from taskdesk.worker.child.execution import ForeignJob, reference_of
from taskdesk.worker.child.failure import Failure
from taskdesk.worker.child.reservation import Reserved
from taskdesk.worker.discovery import TaskRegistry


class ForeignJobs:
    """Tell the child whether a handed-back job waits that this worker serves."""

    def __init__(self, registry: TaskRegistry):
        versions = [f"{reference}@{task.spec.version}" for reference, task in registry.tasks.items()]
        self._served = dict.fromkeys((*registry.tasks, *versions), 1)
        self.served = json.dumps(self._served)  # as adopt.lua takes it
        self._page = mmap.mmap(-1, 1)
        self.wakeup = os.pipe()  # the idle child waits at its reading end
        for end in self.wakeup:
            os.set_blocking(end, False)
            finalize(self, os.close, end)

    @property
    def are_there(self) -> bool:
        return self._page[0] == 1

    def look(self, wanted: Iterable[bytes]) -> None:
        """Tell the child of them: what tick.lua answers that handed-back jobs want."""
        are_there = any(one.decode() in self._served for one in wanted)
        self._page[0] = are_there
        if are_there:
            with suppress(BlockingIOError):  # it has not read what was written before
                os.write(self.wakeup[1], b".")


class HandBack:
    """What release.lua has to know of a job that is to be handed back."""

    def __init__(self, redis: Redis, registry: TaskRegistry, ttl: int):
        self._catalog = CatalogReader(redis)
        self._registry = registry
        self._ttl = ttl

    def arguments(self, job: Reserved, refusal: AppError) -> tuple[str | int | bytes, ...]:
        """The last arguments of the script; none if every worker that is online would refuse the job as this one does.

        Raises RedisError.
        """
        if isinstance(refusal, ForeignJob):
            return self._arguments(refusal.reference, "", [], str(refusal))
        reference = reference_of(job.data)
        version = self._registry.tasks[reference].spec.version
        others = self._others(reference, version, job.queue)
        if not others:
            return ()
        reason = f"It waits for a worker with another version of {reference}: one refused its arguments ({refusal})."
        return self._arguments(reference, version, others, reason)

    def _others(self, reference: str, version: str, queue: str) -> list[str]:
        """The other versions of the task that are online. Before the answer is none, Redis is asked anew."""
        for max_age in (FRESH_SECONDS, 0):
            versions = self._catalog.read(max_age=max_age).versions_online(reference, queue)
            if others := [one for one in versions if one != version]:
                return others
        return []

    def _arguments(self, reference: str, version: str, others: list[str], reason: str) -> tuple[str | int | bytes, ...]:
        over = Failure.not_served(reason, self._ttl)
        return reference, version, " ".join(others), reason, self._ttl, over.error, over.packed_traceback
