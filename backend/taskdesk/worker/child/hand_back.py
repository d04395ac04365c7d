"""Hand back a job that this worker can't run and another may: what release.lua has to know for that."""

from __future__ import annotations

from redis import Redis

from taskdesk.jobs.catalog_reader import CATALOG_CACHE_SECONDS, CatalogReader
from taskdesk.jobs.losses import NOT_SERVED
from taskdesk.service.errors import AppError
from taskdesk.worker.child.reservation import ReservedJob
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.failure import Failure
from taskdesk.worker.job_data import ForeignJob, reference_of


class HandBack:
    def __init__(self, redis: Redis, registry: TaskRegistry, ttl: int):
        self._catalog = CatalogReader(redis)
        self._registry = registry
        self._ttl = ttl

    def arguments(self, job: ReservedJob, refusal: AppError) -> tuple[str | int | bytes, ...]:
        """Return the last arguments of release.lua; none if every online worker would refuse the job as this one does.

        Raises RedisError.
        """
        if isinstance(refusal, ForeignJob):
            return self._arguments(refusal.reference, "", [], str(refusal))
        spec = self._registry.by_call[reference_of(job.data)].spec
        reference, version = spec.reference, spec.version
        others = self._others(reference, version, job.queue)
        if not others:
            return ()
        reason = f"It waits for a worker with another version of {reference}: one refused its arguments ({refusal})."
        return self._arguments(reference, version, others, reason)

    def _others(self, reference: str, version: str, queue: str) -> list[str]:
        """Return the other versions of the task that are online. If the cache names none, ask Redis."""
        for max_age in (CATALOG_CACHE_SECONDS, 0):
            versions = self._catalog.read(max_age=max_age).versions_online(reference, queue)
            if others := [one for one in versions if one != version]:
                return others
        return []

    def _arguments(self, reference: str, version: str, others: list[str], reason: str) -> tuple[str | int | bytes, ...]:
        over = Failure.of_loss(NOT_SERVED(seconds=self._ttl, reason=reason))
        return reference, version, " ".join(others), reason, self._ttl, over.error, over.packed_traceback
