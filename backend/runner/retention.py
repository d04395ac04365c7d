"""Forget what has expired: index entries whose job is gone, files whose job is gone, jobs over the cap.

Redis removes an expired job by itself; this removes what belonged to it. One worker at a time does it, in slices, so
that no pass is long however many jobs there are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from redis import Redis

from jobkit.artifacts import ArtifactStore
from jobkit.redis import EXPIRED, JOBS, SWEEP_CURSOR, SWEEP_LOCK, events_key, job_key, log_key
from runner.settings import WorkerSettings

SLICE = 5_000
FILES_SECONDS = 0.5
EXPIRED_KEPT_SECONDS = 30 * 24 * 3600
EXPIRED_KEPT = 100_000
UPLOAD_SECONDS = 3600  # a file whose job is not there yet may belong to a request that is under way


class Sweeper:
    def __init__(self, redis: Redis, store: ArtifactStore, settings: WorkerSettings):
        self._redis = redis
        self._store = store
        self._settings = settings
        self._folders = store.job_ids()  # those of a round through the store that are left

    def sweep(self) -> None:
        """One slice of house-keeping, unless another worker did one in the last seconds."""
        if not self._redis.set(SWEEP_LOCK, "1", nx=True, ex=20):
            return
        self._forget_gone_jobs()
        self._enforce_cap()
        self._remove_orphaned_files()

    def _forget_gone_jobs(self) -> None:
        start = int(self._redis.get(SWEEP_CURSOR) or 0)
        entries = self._redis.zrangebyscore(JOBS, f"({start}", "+inf", 0, SLICE, withscores=True)
        gone = self._without_job([job_id.decode() for job_id, _ in entries])
        now = time.time()
        with self._redis.pipeline() as pipeline:
            if gone:
                pipeline.zrem(JOBS, *gone)
                pipeline.zadd(EXPIRED, dict.fromkeys(gone, now))
            pipeline.zremrangebyscore(EXPIRED, "-inf", now - EXPIRED_KEPT_SECONDS)
            pipeline.zremrangebyrank(EXPIRED, 0, -EXPIRED_KEPT - 1)
            pipeline.set(SWEEP_CURSOR, int(entries[-1][1]) if len(entries) == SLICE else 0)
            pipeline.execute()

    def _enforce_cap(self) -> None:
        """Over MAX_JOBS, the jobs that would expire first go now."""
        for registry in [f"rq:{kind}:{queue}" for kind in ("finished", "failed") for queue in self._settings.queues]:
            surplus = self._redis.zcard(JOBS) - self._settings.max_jobs
            if surplus <= 0:
                return
            ids = [job_id.decode() for job_id in self._redis.zrange(registry, 0, min(surplus, SLICE) - 1)]
            if ids:
                with self._redis.pipeline() as pipeline:
                    pipeline.zrem(registry, *ids)
                    for job_id in ids:
                        pipeline.delete(job_key(job_id), f"rq:results:{job_id}", events_key(job_id), log_key(job_id))
                    pipeline.zrem(JOBS, *ids)
                    pipeline.zadd(EXPIRED, dict.fromkeys(ids, time.time()))
                    pipeline.execute()

    def _remove_orphaned_files(self) -> None:
        """Go on with the round through the store for a moment: who sweeps has to beat, too."""
        settled = time.time() - UPLOAD_SECONDS
        until = time.monotonic() + FILES_SECONDS
        old = []
        for job_id, changed in self._folders:
            if changed < settled:
                old.append(job_id)
            if time.monotonic() > until or len(old) == SLICE:
                break
        else:
            self._folders = self._store.job_ids()
        for job_id in self._without_job(old):
            self._store.delete(job_id)

    def _without_job(self, job_ids: Sequence[str]) -> list[str]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.exists(job_key(job_id))
            return [job_id for job_id, there in zip(job_ids, pipeline.execute(), strict=True) if not there]
