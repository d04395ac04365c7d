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
from taskdesk.jobs.errors import AlreadyRetried, IdempotencyKeyReused, OwnerFull, QueueFull
from taskdesk.jobs.fields import OWNER, REQUEST, RETRY_OF, TAGS, WEBHOOK
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import idempotency_key
from taskdesk.jobs.scripts import SUBMIT, SUBMIT_FIRST_RETRY, SUBMIT_RETRY, Script
from taskdesk.jobs.submitted_job import common_fields
from taskdesk.service import clock
from taskdesk.service.errors import NoRoom, RedisFull
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
    spec: TaskSpec, retention: Retention, *, at: datetime | None = None, first_retry: bool = False, **options: Any
) -> tuple[dict[str, Any], int | None]:
    """Return the fields that all jobs of a submit have, and the time at which they are due.

    `first_retry` is for `send`.
    """
    due = _due_at(at)
    return fields_of_due(spec, retention, due, **options), due


def fields_of_due(
    spec: TaskSpec,
    retention: Retention,
    due: int | None,
    *,
    queue: str | None = None,
    tags: Sequence[str] = (),
    retry_of: str = "",
    owner: str = "",
    request_id: str = "",
    webhook: str | None = None,
    limit: str = "",
) -> dict[str, Any]:
    """Return the fields that all jobs have that are due then (Unix). `limit`: one of RQ's, for one job at a time."""
    url = spec.webhook if webhook is None else webhook
    optional = ((TAGS, " ".join(tags)), (RETRY_OF, retry_of), (OWNER, owner), (REQUEST, request_id), (WEBHOOK, url))
    ours = {name: value for name, value in optional if value}
    if limit:
        ours |= {"rate_limit_key": limit, "rate_limit_concurrency": "1"}
    return common_fields(spec, retention, queue or spec.queue, is_scheduled=bool(due), **ours)


def send(
    redis: Redis,
    max_queued: int | None,
    spec: TaskSpec,
    common: dict[str, Any],
    jobs: dict[str, dict[str, Any]],
    due: int | None,
    idempotency: Idempotency | None,
    *,
    first_retry: bool = False,
) -> list[str]:
    """Run the script. Return the ids of the jobs, or of those that an earlier request with the same key made.

    The arguments are as in `script_arguments`. Raises IdempotencyKeyReused, NoRoom; AlreadyRetried if the
    job has to be the first that repeats another one, and is not.
    """
    script = SUBMIT if RETRY_OF not in common else SUBMIT_FIRST_RETRY if first_retry else SUBMIT_RETRY
    arguments = script_arguments(max_queued, spec, common, jobs, due, idempotency)
    answer = _run_submit(script, redis, max_queued, arguments)
    return ids_of_earlier(idempotency, answer) if idempotency and answer else list(jobs)


def script_arguments(
    max_queued: int | None,
    spec: TaskSpec,
    common: dict[str, Any],
    jobs: dict[str, dict[str, Any]],
    due: int | None,
    idempotency: Idempotency | None = None,
) -> list[Any]:
    """Return the arguments of lua/create.lua. `common` are the fields that all jobs have, `jobs` the others by id."""
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
    return arguments


def _record(idempotency: Idempotency, job_ids: Iterable[str]) -> tuple[str, str, int]:
    """Return the key, the value and the lifetime of what Redis keeps of a request, for ids_of_earlier."""
    key = idempotency_key(idempotency.key, idempotency.owner)
    return key, f"{idempotency.digest} {' '.join(job_ids)}", IDEMPOTENCY_SECONDS


def _run_submit(script: Script, redis: Redis, max_queued: int | None, arguments: list[Any]) -> bytes | None:
    """Return the record of an earlier request, if there was one.

    Raises QueueFull, OwnerFull, RedisFull, AlreadyRetried.
    """
    try:
        answer = script(redis, *arguments)
    except ResponseError as error:
        if is_out_of_memory(error):  # Redis filled after the script had looked; nothing was done
            raise RedisFull() from None
        raise
    match answer:
        case [b"retried", job_id, other]:
            raise AlreadyRetried(job_id.decode(), other.decode())
        case list():
            raise no_room(answer, arguments, max_queued)
    record: bytes | None = answer
    return record


def no_room(answer: list[Any], arguments: Sequence[Any], max_queued: int | None) -> NoRoom:
    """Return the error for what the script says about room, when it was given these arguments."""
    match answer:
        case [b"queue", waiting]:
            return QueueFull(arguments[0], waiting, max_queued or 0)
        case [b"owner", held, most]:
            return OwnerFull(arguments[3], held, most)
        case [_, used, limit]:
            return RedisFull(used, limit, JOBS_SHARE)
    raise ValueError(f"unknown answer of the script: {answer!r:.100}")


def ids_of_earlier(idempotency: Idempotency, record: bytes) -> list[str]:
    """Return the ids of the jobs that an earlier request with the same key made. Raises IdempotencyKeyReused."""
    digest, *ids = record.decode().split()
    if digest != idempotency.digest:
        raise IdempotencyKeyReused(idempotency.key)
    return list(ids)


def _due_at(at: datetime | None) -> int | None:
    """Return the Unix time at which RQ's scheduler queues a job, rounded up; None for a time that has passed."""
    return math.ceil(at.timestamp()) if at and at > clock.utc_now() else None
