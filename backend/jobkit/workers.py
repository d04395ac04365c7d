"""The workers that are online, from the records that RQ's workers keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from jobkit.redis import worker_key

_FIELDS = (
    *("queues", "state", "current_job", "hostname", "pid", "birth", "last_heartbeat", "version", "python_version"),
    *("successful_job_count", "failed_job_count", "total_working_time"),
)


@dataclass(frozen=True)
class Worker:
    """`working_seconds`: how long it has run jobs since `started_at`; `version` is RQ's."""

    name: str
    state: str
    queues: tuple[str, ...]
    current_job: str | None
    hostname: str
    pid: int
    started_at: datetime | None
    last_seen_at: datetime | None
    succeeded: int
    failed: int
    working_seconds: float
    version: str
    python_version: str


def read_workers(redis: Redis, names: Iterable[str]) -> list[Worker]:
    """The workers of these names; one that has left meanwhile is left out."""
    names = list(names)
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hmget(worker_key(name), _FIELDS)
        answers = pipeline.execute()
    rows = ((name, [(value or b"").decode() for value in values]) for name, values in zip(names, answers, strict=True))
    return [_worker(name, *row) for name, row in rows if row[0]]


def _worker(name: str, queues: str, state: str, job: str, hostname: str, pid: str, birth: str, seen: str,
            version: str, python: str, succeeded: str, failed: str, seconds: str) -> Worker:  # fmt: skip
    return Worker(
        name=name,
        state=state,
        queues=tuple(queues.split(",")),
        current_job=job or None,
        hostname=hostname,
        pid=int(pid or 0),
        started_at=datetime.fromisoformat(birth) if birth else None,
        last_seen_at=datetime.fromisoformat(seen) if seen else None,
        succeeded=int(succeeded or 0),
        failed=int(failed or 0),
        working_seconds=float(seconds or 0),
        version=version,
        python_version=python,
    )
