"""Forget what has expired: index entries whose job is gone, files whose job is gone, jobs over the cap.

Redis removes an expired job by itself; this removes what belonged to it. One worker at a time does it, in slices, so
that no pass is long however many jobs there are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from redis import Redis

from jobkit.artifacts import ArtifactStore
from jobkit.jobs import BATCH
from jobkit.listing import INDEXED
from jobkit.redis import EXPIRED, INDEXES, JOBS, SWEEP_CURSOR, SWEEP_LOCK, index_key, job_key
from jobkit.scripts import DELETE
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
                for index in self._indexes():
                    pipeline.zrem(index, *gone)
                pipeline.zadd(EXPIRED, dict.fromkeys(gone, now))
            pipeline.zremrangebyscore(EXPIRED, "-inf", now - EXPIRED_KEPT_SECONDS)
            pipeline.zremrangebyrank(EXPIRED, 0, -EXPIRED_KEPT - 1)
            pipeline.set(SWEEP_CURSOR, int(entries[-1][1]) if len(entries) == SLICE else 0)
            pipeline.execute()

    def _indexes(self) -> list[str]:
        """Every sorted set that may hold a job which has expired. RQ has no clean-up for canceled jobs."""
        names = [name.decode() for name in self._redis.smembers(INDEXES)]
        with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.exists(name)
            emptied = [name for name, there in zip(names, pipeline.execute(), strict=True) if not there]
        if emptied:  # of a tag, say, that nobody uses any more; a submit names it again
            self._redis.srem(INDEXES, *emptied)
        by_status = [index_key(queue, status) for queue in self._settings.queues for status in INDEXED]
        return [JOBS, *names, *by_status, *(f"rq:canceled:{queue}" for queue in self._settings.queues)]

    def _enforce_cap(self) -> None:
        """Over MAX_JOBS that have ended, those that would expire first go now; kept ones are not touched."""
        registries = [f"rq:{kind}:{queue}" for kind in ("finished", "failed") for queue in self._settings.queues]
        with self._redis.pipeline(transaction=False) as pipeline:
            for registry in registries:
                pipeline.zcard(registry)
            surplus = min(sum(pipeline.execute()) - self._settings.max_jobs, SLICE)
            if surplus <= 0:
                return
            for registry in registries:
                pipeline.zrangebyscore(registry, "-inf", "(+inf", 0, surplus, withscores=True)
            entries = sorted((entry for part in pipeline.execute() for entry in part), key=lambda entry: entry[1])
        ids = [job_id.decode() for job_id, _ in entries[:surplus]]
        for start in range(0, len(ids), BATCH):
            DELETE(self._redis, *ids[start : start + BATCH])
        if ids:
            self._redis.zadd(EXPIRED, dict.fromkeys(ids, time.time()))

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
