"""The workers that are online, from the records that RQ's workers keep in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from redis import Redis

from taskdesk.jobs.damage import DAMAGE, damaged_fields, is_wrong_type, read_time
from taskdesk.jobs.fields import GROUP, MEMORY, TASKDESK_VERSION
from taskdesk.jobs.job import Job
from taskdesk.jobs.keys import worker_key
from taskdesk.jobs.listing import Listing


@dataclass(frozen=True)
class Worker:
    """A worker at one moment. `working_seconds`: how long it has run jobs since `started_at`; `version` is RQ's.

    `memory`: bytes that its child holds. `group`: its WORKER_GROUP, None without one. For a stock
    worker `memory`, `taskdesk_version` and `catalog` (the hash of the catalog that it serves) are None.
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
    group: str | None
    version: str
    python_version: str
    catalog: str | None


class _Record(NamedTuple):
    """The texts of a worker's hash, empty where it has none. The names are RQ's, but for those in `_OURS`."""

    queues: str
    state: str
    current_job: str
    hostname: str
    pid: str
    birth: str
    last_heartbeat: str
    version: str
    python_version: str
    successful_job_count: str
    failed_job_count: str
    total_working_time: str
    catalog: str
    memory: str
    taskdesk_version: str
    group: str


UNREADABLE = "unreadable"  # the state of a worker whose record in Redis is damaged
MAX_NUMBER = 1 << 53  # JSON has no larger whole numbers
_OURS = {"memory": MEMORY, "group": GROUP, "taskdesk_version": TASKDESK_VERSION}
_FIELDS = [_OURS.get(name, name) for name in _Record._fields]


def read_workers(redis: Redis, names: Iterable[str]) -> list[Worker]:
    """Return the workers of these names, without those that have left meanwhile."""
    names = list(names)
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hmget(worker_key(name), _FIELDS)
        answers = pipeline.execute(raise_on_error=False)
    records = [_record(values) for values in answers]
    found = {name: record for name, record in zip(names, records, strict=True) if record.queues}
    ids = [record.current_job for record in found.values() if record.current_job]
    jobs = {job.id: job for job in Listing(redis, ()).load(ids) if job}
    return [_worker(name, record, jobs.get(record.current_job)) for name, record in found.items()]


def _record(values: Any) -> _Record:
    if is_wrong_type(values):
        return _Record(*[UNREADABLE] * len(_FIELDS))
    return _Record(*((value or b"").decode(errors="replace") for value in values))


def _worker(name: str, record: _Record, running: Job | None) -> Worker:
    """Return the worker. Damaged fields are left out, and its state says so."""
    try:
        return _readable(name, record, running)
    except DAMAGE:
        fields = {field: text.encode() for field, text in record._asdict().items()}
        damaged = damaged_fields(fields, lambda some: _readable(name, _record(some.values()), running))
        readable = record._replace(**dict.fromkeys(damaged, ""), state=UNREADABLE)
        return _readable(name, readable, running)


def _readable(name: str, record: _Record, running: Job | None) -> Worker:
    return Worker(
        name=name,
        state=record.state,
        queues=tuple(record.queues.split(",")),
        current_job=record.current_job or None,
        current_task=running.task if running else None,
        current_job_started_at=running.started_at if running else None,
        hostname=record.hostname,
        pid=_count(record.pid),
        started_at=_time(record.birth),
        last_seen_at=_time(record.last_heartbeat),
        succeeded=_count(record.successful_job_count),
        failed=_count(record.failed_job_count),
        working_seconds=_seconds(record.total_working_time),
        memory=_count(record.memory) or None,
        taskdesk_version=record.taskdesk_version or None,
        group=record.group or None,
        version=record.version,
        python_version=record.python_version,
        catalog=record.catalog or None,
    )


def _time(text: str) -> datetime | None:
    return read_time(text.encode())


def _count(text: str) -> int:
    number = int(text or 0)
    if not 0 <= number < MAX_NUMBER:
        raise ValueError(f"{text} is no count")
    return number


def _seconds(text: str) -> float:
    seconds = float(text or 0)
    if not 0 <= seconds < MAX_NUMBER:
        raise ValueError(f"{text} is no duration")
    return seconds
