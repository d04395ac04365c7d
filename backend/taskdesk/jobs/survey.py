"""Read what RQ keeps in a Redis, for `taskdesk doctor`. Nothing is changed, and no pickle is loaded.

The cost does not grow with the number of jobs: of each queue and registry, a number of jobs at both ends is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from taskdesk.jobs.damage import readable
from taskdesk.jobs.keys import (
    RQ_QUEUES,
    RQ_SUSPENDED,
    RQ_WORKERS,
    WIP,
    job_key,
    queue_key,
    registry_key,
    scheduler_lock_key,
    worker_key,
)
from taskdesk.jobs.stored_call import Serializer, function_of, serializer_of
from taskdesk.jobs.workers import Worker, read_workers
from taskdesk.service.key_prefix import RQ_KEY_PREFIX

SAMPLED = 50  # jobs at each end of a queue and of each registry
REGISTRIES = ("scheduled", "deferred", WIP, "failed", "finished", "canceled")
CALLBACKS = ("success", "failure", "stopped")
_MAX_DATA_BYTES = 100_000  # larger data are left alone
_FIELDS = ("description", *(f"{kind}_callback_name" for kind in CALLBACKS), "webhooks")
_CRON = f"{RQ_KEY_PREFIX}:cron_schedulers"  # sorted set of RQ ≥ 2.4: the schedulers of `rq cron`
_RQ_SCHEDULER = "rq:scheduler:scheduled_jobs"  # sorted set of the package rq-scheduler


@dataclass(frozen=True)
class SampledJob:
    """`callbacks`: the path of each function by its kind."""

    function: str
    serializer: Serializer
    callbacks: dict[str, str]
    has_webhooks: bool


@dataclass(frozen=True)
class SurveyedQueue:
    """`registries`: the number of jobs in each; `scheduler`: the worker that schedules its jobs, or empty."""

    name: str
    waiting: int
    registries: dict[str, int]
    scheduler: str


@dataclass(frozen=True)
class Survey:
    queues: list[SurveyedQueue]
    jobs: list[SampledJob]
    workers: list[Worker]
    is_suspended: bool
    has_rq_cron: bool
    has_rq_scheduler: bool


def survey(redis: Redis) -> Survey:
    """Raises RedisError."""
    names = sorted(_names(redis.smembers(RQ_QUEUES), queue_key("")))
    workers = _names(redis.smembers(RQ_WORKERS), worker_key(""))
    return Survey(
        queues=[_queue(redis, name) for name in names],
        jobs=[job for name in names for job in _jobs(redis, name)],
        workers=read_workers(redis, sorted(workers)),
        is_suspended=bool(redis.exists(RQ_SUSPENDED)),
        has_rq_cron=bool(redis.exists(_CRON)),
        has_rq_scheduler=bool(redis.exists(_RQ_SCHEDULER)),
    )


def _names(keys: Iterable[bytes], prefix: str) -> Iterator[str]:
    for key in keys:
        yield key.decode(errors="replace").removeprefix(prefix)


def _queue(redis: Redis, name: str) -> SurveyedQueue:
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.llen(queue_key(name))
        for registry in REGISTRIES:
            pipeline.zcard(registry_key(registry, name))
        pipeline.get(scheduler_lock_key(name))
        waiting, *sizes, scheduler = _readable(pipeline.execute(raise_on_error=False), 0)
    return SurveyedQueue(
        name, waiting, dict(zip(REGISTRIES, sizes, strict=True)), (scheduler or b"").decode(errors="replace")
    )


def _jobs(redis: Redis, queue: str) -> Iterator[SampledJob]:
    ids = list(_ids(redis, queue))
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in ids:
            pipeline.hstrlen(job_key(job_id), "data")
        sizes = _readable(pipeline.execute(raise_on_error=False), 0)
        ids = [job_id for job_id, size in zip(ids, sizes, strict=True) if 0 < size <= _MAX_DATA_BYTES]
        for job_id in ids:
            pipeline.hmget(job_key(job_id), "data", *_FIELDS)
        found = _readable(pipeline.execute(raise_on_error=False), None)
    yield from (_job(*values) for values in found if values and values[0])


def _ids(redis: Redis, queue: str) -> set[str]:
    """Return the ids of the jobs at both ends of a queue and of its registries."""
    ends = ((0, SAMPLED - 1), (-SAMPLED, -1))
    with redis.pipeline(transaction=False) as pipeline:
        for end in ends:
            pipeline.lrange(queue_key(queue), *end)
            for registry in REGISTRIES:
                pipeline.zrange(registry_key(registry, queue), *end)
        found = _readable(pipeline.execute(raise_on_error=False), ())
    members = {member.decode(errors="replace") for members in found for member in members}
    return {member.partition(":")[0] for member in members}  # of a running job: "<job>:<execution>"


def _readable(answers: list[Any], otherwise: Any) -> list[Any]:
    """Return the answers, with `otherwise` for a key of another type. Raises any other error of Redis."""
    return [readable(answer, otherwise) for answer in answers]


def _job(data: bytes, description: bytes | None, *others: bytes | None) -> SampledJob:
    *callbacks, webhooks = ((value or b"").decode(errors="replace") for value in others)
    return SampledJob(
        function=function_of(data, description or b""),
        serializer=serializer_of(data),
        callbacks={kind: path for kind, path in zip(CALLBACKS, callbacks, strict=True) if path},
        has_webhooks=webhooks not in ("", "[]"),
    )
