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
EXPIRED_KEPT_SECONDS = 30 * 24 * 3600
EXPIRED_KEPT = 100_000
UPLOAD_SECONDS = 3600  # a file whose job is not there yet may belong to a request that is under way


def sweep(redis: Redis, store: ArtifactStore, settings: WorkerSettings) -> None:
    """One slice of house-keeping, unless another worker did one in the last seconds."""
    if not redis.set(SWEEP_LOCK, "1", nx=True, ex=20):
        return
    _forget_gone_jobs(redis)
    _enforce_cap(redis, settings)
    _remove_orphaned_files(redis, store)


def _forget_gone_jobs(redis: Redis) -> None:
    start = int(redis.get(SWEEP_CURSOR) or 0)
    entries = redis.zrangebyscore(JOBS, f"({start}", "+inf", 0, SLICE, withscores=True)
    gone = _without_job(redis, [job_id.decode() for job_id, _ in entries])
    now = time.time()
    with redis.pipeline() as pipeline:
        if gone:
            pipeline.zrem(JOBS, *gone)
            pipeline.zadd(EXPIRED, dict.fromkeys(gone, now))
        pipeline.zremrangebyscore(EXPIRED, "-inf", now - EXPIRED_KEPT_SECONDS)
        pipeline.zremrangebyrank(EXPIRED, 0, -EXPIRED_KEPT - 1)
        pipeline.set(SWEEP_CURSOR, int(entries[-1][1]) if len(entries) == SLICE else 0)
        pipeline.execute()


def _enforce_cap(redis: Redis, settings: WorkerSettings) -> None:
    """Over MAX_JOBS, the jobs that would expire first go now."""
    for registry in [f"rq:{kind}:{queue}" for kind in ("finished", "failed") for queue in settings.queues]:
        surplus = redis.zcard(JOBS) - settings.max_jobs
        if surplus <= 0:
            return
        ids = [job_id.decode() for job_id in redis.zrange(registry, 0, min(surplus, SLICE) - 1)]
        if ids:
            with redis.pipeline() as pipeline:
                pipeline.zrem(registry, *ids)
                for job_id in ids:
                    pipeline.delete(job_key(job_id), f"rq:results:{job_id}", events_key(job_id), log_key(job_id))
                pipeline.zrem(JOBS, *ids)
                pipeline.zadd(EXPIRED, dict.fromkeys(ids, time.time()))
                pipeline.execute()


def _remove_orphaned_files(redis: Redis, store: ArtifactStore) -> None:
    settled = time.time() - UPLOAD_SECONDS
    old = [job_id for job_id, changed in store.job_ids() if changed < settled]
    for start in range(0, len(old), SLICE):
        for job_id in _without_job(redis, old[start : start + SLICE]):
            store.delete(job_id)


def _without_job(redis: Redis, job_ids: Sequence[str]) -> list[str]:
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.exists(job_key(job_id))
        return [job_id for job_id, there in zip(job_ids, pipeline.execute(), strict=True) if not there]
