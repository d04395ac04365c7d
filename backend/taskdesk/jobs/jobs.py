"""Jobs: submit one, find one, list them, end them. RQ's data model; what a job's hash holds stands in job.py."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Unpack

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import IdempotencyKeyReused, JobExpired, JobNotFound, NoResult, OwnerFull, QueueFull
from taskdesk.jobs.fields import OWNER, REQUEST, RETRY_OF, TAGS
from taskdesk.jobs.job import Job, Retention
from taskdesk.jobs.job_hash import WHOLE, common_fields, load, own_fields, submitted, with_due
from taskdesk.jobs.keys import (
    EXPIRED,
    JOBS,
    PAUSED,
    idempotency_key,
    index_key,
    job_key,
    queue_key,
    registry_key,
    results_key,
)
from taskdesk.jobs.listing import Filter, Listing
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import CANCEL, DELETE, KEEP, SUBMIT, Script
from taskdesk.jobs.status import BY_RQ_WORD, FINAL, Status
from taskdesk.jobs.submit_options import SubmitOptions
from taskdesk.service import clock
from taskdesk.service.errors import RedisFull
from taskdesk.service.redis import JOBS_SHARE
from taskdesk.service.redis_errors import is_out_of_memory

MAX_BATCH = 1_000  # jobs of one submit
IDEMPOTENCY_SECONDS = 24 * 3600

_EXTRA_ENTRIES = 50
_IDS_PER_SCRIPT = 100  # 0.1 s of Redis, where they stand amid a million
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_CANCELED = json.dumps({"type": "Canceled", "title": "Canceled", "detail": "The job was canceled before it began."})


@dataclass(frozen=True)
class Idempotency:
    """What tells a repeated request from a new one: the key that the client chose, and the digest of the request.

    Two owners may use the same key for different requests.
    """

    key: str
    digest: str
    owner: str = ""


@dataclass(frozen=True)
class Place:
    """Where a job stands that has not begun: how many run before it, of its queue and of more urgent ones.

    `paused`: none of its queue begins now.
    """

    position: int
    ahead: int
    paused: bool


def new_job_id() -> str:
    """A random UUID (version 4), in a quarter of the time that `uuid.uuid4` takes."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def is_job_id(text: str) -> bool:
    """Whether a job could have this id. What could not is never made into a key of Redis."""
    return bool(_ID.fullmatch(text))


def _due(at: datetime | None) -> int | None:
    """When RQ's scheduler is to queue a job, in Unix time, and never too early; None if that is now."""
    return math.ceil(at.timestamp()) if at and at > clock.utc_now() else None


def _common(
    spec: TaskSpec,
    retention: Retention,
    *,
    queue: str | None = None,
    at: datetime | None = None,
    tags: Sequence[str] = (),
    retry_of: str = "",
    owner: str = "",
    request_id: str = "",
) -> tuple[dict[str, Any], int | None]:
    """The fields that all jobs of a submit have, and when they are due."""
    optional = ((TAGS, " ".join(tags)), (RETRY_OF, retry_of), (OWNER, owner), (REQUEST, request_id))
    ours = {name: value for name, value in optional if value}
    due = _due(at)
    return common_fields(spec, retention, queue or spec.queue, is_scheduled=bool(due), **ours), due


def _ids(idempotency: Idempotency, record: bytes) -> list[str]:
    """Of the jobs that an earlier request of the same key has made. Raises IdempotencyKeyReused."""
    digest, *ids = record.decode().split()
    if digest != idempotency.digest:
        raise IdempotencyKeyReused(idempotency.key)
    return list(ids)


class Jobs:
    def __init__(self, redis: Redis, queues: Sequence[str], max_queued: int | None = None):
        """`max_queued`: how many jobs a submit lets wait in a queue; None for any number."""
        self._redis = redis
        self._max_queued = max_queued
        self._queues = queues
        self._listing = Listing(redis, queues)

    # Submit

    def submit(
        self,
        spec: TaskSpec,
        arguments: dict[str, Any],
        retention: Retention,
        *,
        job_id: str = "",
        idempotency: Idempotency | None = None,
        **options: Unpack[SubmitOptions],
    ) -> Job:
        """Put a job on a queue, in one atomic round trip.

        Return the job: an earlier one if `idempotency` names a request that was done before. `arguments` must be valid
        for the task: this does not check them. Raises IdempotencyKeyReused, NoRoom, and as `get`.
        """
        job_id = job_id or new_job_id()
        common, due = _common(spec, retention, **options)
        own = own_fields(spec, arguments)
        [sent] = self._send(spec, common, {job_id: own}, due, idempotency)
        if sent != job_id:
            return self.get(sent)
        return with_due(submitted(job_id, arguments, {**common, **own}), due)

    def submit_many(
        self,
        spec: TaskSpec,
        arguments: Sequence[dict[str, Any]],
        retention: Retention,
        *,
        idempotency: Idempotency | None = None,
        **options: Unpack[SubmitOptions],
    ) -> list[str]:
        """Put a job for each of these arguments on a queue, as `submit` does, in one atomic round trip; their ids.

        Raises ValueError if there are more than MAX_BATCH; IdempotencyKeyReused, NoRoom.
        """
        if len(arguments) > MAX_BATCH:
            raise ValueError(f"{len(arguments):,} jobs at once: {MAX_BATCH:,} is the most.")
        common, due = _common(spec, retention, **options)
        jobs = {new_job_id(): own_fields(spec, one) for one in arguments}
        return self._send(spec, common, jobs, due, idempotency) if jobs else []

    def _send(
        self,
        spec: TaskSpec,
        common: dict[str, Any],
        jobs: dict[str, dict[str, Any]],
        due: int | None,
        idempotency: Idempotency | None,
    ) -> list[str]:
        """Submit; the ids of the jobs, or of those that an earlier request of the same key has made."""
        record: tuple[Any, ...] = ("", "", 0)
        if idempotency:
            record = (
                idempotency_key(idempotency.key, idempotency.owner),
                f"{idempotency.digest} {' '.join(jobs)}",
                IDEMPOTENCY_SECONDS,
            )
        names = next(iter(jobs.values())).keys()
        arguments: list[Any] = [
            common["origin"],
            spec.name,
            common.get(TAGS, ""),
            common.get(OWNER, ""),
            *record,
            due or "",
        ]
        arguments += (self._max_queued or "", JOBS_SHARE, 2 * len(common), len(names))
        for field in common.items():
            arguments += field
        arguments += names
        for job_id, own in jobs.items():
            arguments.append(job_id)
            arguments += own.values()
        answer = self._run_submit(arguments)
        return _ids(idempotency, answer) if idempotency and answer else list(jobs)

    def _run_submit(self, arguments: list[Any]) -> bytes | None:
        """What the script answers. Raises QueueFull, OwnerFull, RedisFull."""
        try:
            answer = SUBMIT(self._redis, *arguments)
        except ResponseError as error:
            if is_out_of_memory(error):  # it filled since the script looked; then nothing was done, either
                raise RedisFull() from None
            raise
        match answer:
            case [b"queue", waiting]:
                raise QueueFull(arguments[0], waiting, self._max_queued or 0)
            case [b"owner", held, most]:
                raise OwnerFull(arguments[3], held, most)
            case [_, used, limit]:
                raise RedisFull(used, limit, JOBS_SHARE)
        known: bytes | None = answer
        return known

    def earlier_ids(self, idempotency: Idempotency) -> list[str]:
        """The ids of the jobs that an earlier request of the same key has made. Raises IdempotencyKeyReused."""
        earlier = self._redis.get(idempotency_key(idempotency.key, idempotency.owner))
        return _ids(idempotency, earlier) if earlier else []

    # End, keep, remove

    def cancel(self, *job_ids: str) -> list[str]:
        """Cancel jobs, each atomically; return the status that each had, empty for an unknown job.

        A job that has not begun never begins. A running job is stopped by its worker within 5 seconds. A job that has
        ended stays as it is.
        """
        return self._each(CANCEL, job_ids, now_text(), int(clock.now()), _CANCELED)

    def delete(self, *job_ids: str) -> list[str]:
        """Remove jobs, but not their files; return the status that each had. A running job is left alone."""
        return self._each(DELETE, job_ids)

    def keep(self, *job_ids: str) -> list[str]:
        """Let jobs that have ended never expire; return the status of each. Other jobs are left alone."""
        return self._each(KEEP, job_ids)

    def _each(self, script: Script, job_ids: Sequence[str], *arguments: Any) -> list[str]:
        """Run a script on some jobs at a time: while it runs, Redis answers nobody else."""
        parts = [job_ids[start : start + _IDS_PER_SCRIPT] for start in range(0, len(job_ids), _IDS_PER_SCRIPT)]
        return [
            BY_RQ_WORD.get(status.decode(), "") for part in parts for status in script(self._redis, *arguments, *part)
        ]

    # Find

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound; JobExpired for a job that was there once."""
        if not is_job_id(job_id):
            raise JobNotFound(job_id)
        # One after the other: callers that ask at a time share round trips, and need no connections (connection.py).
        answers = [self._redis.hmget(job_key(job_id), WHOLE), self._redis.pttl(job_key(job_id))]
        [job] = load(answers, [job_id], WHOLE)
        if job is None:
            known = any(self._redis.zscore(index, job_id) is not None for index in (JOBS, EXPIRED))
            raise JobExpired(job_id) if known else JobNotFound(job_id)
        if job.status is Status.SCHEDULED:
            return with_due(job, self._redis.zscore(registry_key(Status.SCHEDULED.rq, job.queue), job_id))
        return job

    def owners(self, job_ids: Sequence[str]) -> list[str | None]:
        """Who submitted each of these jobs, empty for nobody that is known; None for a job that is not there."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(job_key(job_id), "status", OWNER)
            answers = pipeline.execute()
        return [None if status is None else (owner or b"").decode() for status, owner in answers]

    def has_ended(self, job_id: str) -> bool:
        """Whether the job is final, or gone."""
        status = self._redis.hget(job_key(job_id), "status")
        return status is None or BY_RQ_WORD.get(status.decode()) in FINAL

    def place(self, job: Job) -> Place | None:
        """Where a queued job stands. A retried job stands where its retry was queued."""
        if job.status is not Status.QUEUED:
            return None
        before = self._queues[: self._queues.index(job.queue)] if job.queue in self._queues else ()
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zrank(index_key(job.queue, Status.QUEUED), job.id)
            pipeline.sismember(PAUSED, job.queue)
            for queue in before:
                pipeline.llen(queue_key(queue))
            rank, paused, *lengths = pipeline.execute()
        return None if rank is None else Place(rank + 1, rank + sum(lengths), bool(paused))

    def page(
        self,
        limit: int,
        cursor: str | None = None,
        matching: Filter = Filter(),  # noqa: B008  # it is immutable
    ) -> tuple[list[Job], str | None]:
        """Jobs that match, newest first and without their input, and the cursor of the next page.

        Where few match, a page may be shorter than `limit` though more follow. Raises InvalidArguments on a cursor that
        is none, or of a list of other jobs.
        """
        return self._listing.page(limit, cursor, matching)

    def arrivals(self, shown: Collection[str], cursor: str | None, matching: Filter) -> int:
        """How many jobs match by now that the first page did not show: of their ids, and with its next cursor.

        Of many, not all are counted. Raises as `page`.
        """
        return self._listing.arrivals(shown, cursor, matching)

    def load(self, job_ids: Iterable[str]) -> list[Job]:
        """The jobs of these ids that are there, without their input."""
        ids = [job_id for job_id in job_ids if is_job_id(job_id)]
        return [job for job in self._listing.load(ids) if job]

    def queued(self, limit: int) -> tuple[list[Job], int]:
        """The first jobs that wait, in the order in which they will run, and how many wait in all."""
        keys = [queue_key(queue) for queue in self._queues]
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.llen(key)
            for key in keys:
                pipeline.lrange(key, 0, limit - 1)
            answers = pipeline.execute()
        ids = [job_id.decode() for part in answers[len(keys) :] for job_id in part][:limit]
        return [job for job in self._listing.load(ids) if job], sum(answers[: len(keys)])

    def succeeded(self, limit: int) -> tuple[list[Job], int]:
        """The jobs that succeeded last, newest first, and how many are kept in all.

        From RQ's registries, without their clean-up: an entry may have expired, and is left out. Their order is by
        the second of expiry, so some more are read, and put in order by their end.
        """
        now = clock.now()
        with self._redis.pipeline(transaction=False) as pipeline:
            for queue in self._queues:
                pipeline.zcount(registry_key(Status.SUCCEEDED.rq, queue), now, "+inf")
            for queue in self._queues:
                pipeline.zrevrangebyscore(
                    registry_key(Status.SUCCEEDED.rq, queue), "(+inf", now, 0, limit + _EXTRA_ENTRIES, withscores=True
                )
            answers = pipeline.execute()
        entries = sorted((e for part in answers[len(self._queues) :] for e in part), key=lambda e: -e[1])
        del entries[limit + _EXTRA_ENTRIES :]
        jobs = [job for job in self._listing.load([job_id.decode() for job_id, _ in entries]) if job and job.ended_at]
        jobs.sort(key=lambda job: job.ended_at or datetime.min.replace(tzinfo=UTC), reverse=True)
        return jobs[:limit], sum(answers[: len(self._queues)])

    # Results

    def result(self, job: Job) -> Any:
        """What the job returned. Raises NoResult before it has succeeded, JobExpired when it has gone meanwhile."""
        if job.status is not Status.SUCCEEDED:
            raise NoResult(job.id, job.status)
        [(found, value)] = self.results([job.id])
        if not found:
            raise JobExpired(job.id)
        return value

    def results(self, job_ids: Iterable[str]) -> list[tuple[bool, Any]]:
        """For each job, whether its result is there, and what it returned."""
        return [
            (payload is not None, json.loads(base64.b64decode(payload[b"return_value"])))
            if payload and b"return_value" in payload
            else (payload is not None, None)
            for payload in self._latest_results(job_ids)
        ]

    def traceback(self, job_id: str) -> str:
        """The traceback of a failed job, empty if there is none."""
        [payload] = self._latest_results([job_id])
        packed = (payload or {}).get(b"exc_string")
        return zlib.decompress(base64.b64decode(packed)).decode("utf-8", "replace") if packed else ""

    def _latest_results(self, job_ids: Iterable[str]) -> list[dict[bytes, bytes] | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.xrevrange(results_key(job_id), count=1)
            return [entries[0][1] if entries else None for entries in pipeline.execute()]
