"""A submit on its way to Redis: the fields of its jobs, the arguments of the script, and the script's answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import IdempotencyKeyReused, OwnerFull, QueueFull
from taskdesk.jobs.fields import OWNER, REQUEST, RETRY_OF, TAGS, WEBHOOK
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import idempotency_key
from taskdesk.jobs.scripts import SUBMIT
from taskdesk.jobs.submitted_job import common_fields
from taskdesk.service import clock
from taskdesk.service.errors import RedisFull
from taskdesk.service.redis import JOBS_SHARE
from taskdesk.service.redis_errors import is_out_of_memory

MAX_BATCH = 1_000  # jobs of one submit
IDEMPOTENCY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Idempotency:
    """The key that the client chose and the digest of the request, which distinguish a repeated request from a new one.

    Two owners may use the same key for different requests.
    """

    key: str
    digest: str
    owner: str = ""


def fields_of_all(
    spec: TaskSpec,
    retention: Retention,
    *,
    queue: str | None = None,
    at: datetime | None = None,
    tags: Sequence[str] = (),
    retry_of: str = "",
    owner: str = "",
    request_id: str = "",
    webhook: str | None = None,
) -> tuple[dict[str, Any], int | None]:
    """Return the fields that all jobs of a submit have, and the time at which they are due."""
    url = spec.webhook if webhook is None else webhook
    optional = ((TAGS, " ".join(tags)), (RETRY_OF, retry_of), (OWNER, owner), (REQUEST, request_id), (WEBHOOK, url))
    ours = {name: value for name, value in optional if value}
    due = _due_at(at)
    return common_fields(spec, retention, queue or spec.queue, is_scheduled=bool(due), **ours), due


def send(
    redis: Redis,
    max_queued: int | None,
    spec: TaskSpec,
    common: dict[str, Any],
    jobs: dict[str, dict[str, Any]],
    due: int | None,
    idempotency: Idempotency | None,
) -> list[str]:
    """Run the script. Return the ids of the jobs, or of those that an earlier request with the same key made.

    `common` are the fields that all jobs have, `jobs` the other fields by id. Raises IdempotencyKeyReused, NoRoom.
    """
    record = _record(idempotency, jobs) if idempotency else ("", "", 0)
    names = next(iter(jobs.values())).keys()
    arguments: list[Any] = [common["origin"], spec.name, common.get(TAGS, ""), common.get(OWNER, ""), *record]
    arguments += (due or "", max_queued or "", JOBS_SHARE, 2 * len(common), len(names), int(WEBHOOK in common))
    for field in common.items():
        arguments += field
    arguments += names
    for job_id, own in jobs.items():
        arguments.append(job_id)
        arguments += own.values()
    answer = _run_submit(redis, max_queued, arguments)
    return ids_of_earlier(idempotency, answer) if idempotency and answer else list(jobs)


def _record(idempotency: Idempotency, job_ids: Iterable[str]) -> tuple[str, str, int]:
    """Return the key, the value and the lifetime of what Redis keeps of a request, for ids_of_earlier."""
    key = idempotency_key(idempotency.key, idempotency.owner)
    return key, f"{idempotency.digest} {' '.join(job_ids)}", IDEMPOTENCY_SECONDS


def _run_submit(redis: Redis, max_queued: int | None, arguments: list[Any]) -> bytes | None:
    """Return the record of an earlier request, if there was one. Raises QueueFull, OwnerFull, RedisFull."""
    try:
        answer = SUBMIT(redis, *arguments)
    except ResponseError as error:
        if is_out_of_memory(error):  # Redis filled after the script had looked; nothing was done
            raise RedisFull() from None
        raise
    match answer:
        case [b"queue", waiting]:
            raise QueueFull(arguments[0], waiting, max_queued or 0)
        case [b"owner", held, most]:
            raise OwnerFull(arguments[3], held, most)
        case [_, used, limit]:
            raise RedisFull(used, limit, JOBS_SHARE)
    record: bytes | None = answer
    return record


def ids_of_earlier(idempotency: Idempotency, record: bytes) -> list[str]:
    """Return the ids of the jobs that an earlier request with the same key made. Raises IdempotencyKeyReused."""
    digest, *ids = record.decode().split()
    if digest != idempotency.digest:
        raise IdempotencyKeyReused(idempotency.key)
    return list(ids)


def _due_at(at: datetime | None) -> int | None:
    """Return the Unix time at which RQ's scheduler queues a job, rounded up; None for a time that has passed."""
    return math.ceil(at.timestamp()) if at and at > clock.utc_now() else None
