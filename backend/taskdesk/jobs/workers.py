"""The workers that are online, from the records that RQ's workers keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from taskdesk.jobs.fields import MEMORY, VERSION
from taskdesk.jobs.job import Job
from taskdesk.jobs.keys import worker_key
from taskdesk.jobs.listing import Listing

_FIELDS = (
    *("queues", "state", "current_job", "hostname", "pid", "birth", "last_heartbeat", "version", "python_version"),
    *("successful_job_count", "failed_job_count", "total_working_time", MEMORY),
    *(VERSION, "catalog"),
)


@dataclass(frozen=True)
class Worker:
    """`working_seconds`: how long it has run jobs since `started_at`; `version` is RQ's.

    `memory`: bytes that its child has in memory. It, `taskdesk_version` and `catalog` (the hash of the catalog that
    it serves) are None for a stock worker.
    """

    name: str
    state: str
    queues: tuple[str, ...]
    current_job: str | None
    current_task: str | None
    current_job_started_at: datetime | None
    hostname: str
    pid: int
    started_at: datetime | None
    last_seen_at: datetime | None
    succeeded: int
    failed: int
    working_seconds: float
    memory: int | None
    taskdesk_version: str | None
    version: str
    python_version: str
    catalog: str | None


def read_workers(redis: Redis, names: Iterable[str]) -> list[Worker]:
    """The workers of these names; one that has left meanwhile is left out."""
    names = list(names)
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hmget(worker_key(name), _FIELDS)
        answers = pipeline.execute()
    found = {
        name: [(value or b"").decode() for value in values]
        for name, values in zip(names, answers, strict=True)
        if values[0]
    }
    ids = [job_id for row in found.values() if (job_id := row[2])]
    jobs = {job.id: job for job in Listing(redis, ()).load(ids) if job}
    return [_worker(name, jobs.get(row[2]), *row) for name, row in found.items()]


def _worker(name: str, runs: Job | None, queues: str, state: str, job: str, hostname: str, pid: str, birth: str,
            seen: str, version: str, python: str, succeeded: str, failed: str, seconds: str, memory: str,
            taskdesk: str, catalog: str) -> Worker:  # fmt: skip
    return Worker(
        name=name,
        state=state,
        queues=tuple(queues.split(",")),
        current_job=job or None,
        current_task=runs.task if runs else None,
        current_job_started_at=runs.started_at if runs else None,
        hostname=hostname,
        pid=int(pid or 0),
        started_at=datetime.fromisoformat(birth) if birth else None,
        last_seen_at=datetime.fromisoformat(seen) if seen else None,
        succeeded=int(succeeded or 0),
        failed=int(failed or 0),
        working_seconds=float(seconds or 0),
        memory=int(memory or 0) or None,
        taskdesk_version=taskdesk or None,
        version=version,
        python_version=python,
        catalog=catalog or None,
    )
