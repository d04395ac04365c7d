"""The jobs in Redis, in RQ's data model: submit, find, list and change them. job_hash.py has the fields of a job."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Unpack

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.errors import JobExpired, JobNotFound
from taskdesk.jobs.fields import OWNER
from taskdesk.jobs.job import Job, Retention
from taskdesk.jobs.job_hash import WHOLE, load, with_due
from taskdesk.jobs.job_id import is_job_id, new_job_id
from taskdesk.jobs.keys import (
    EXPIRED,
    JOBS,
    PAUSED,
    idempotency_key,
    index_key,
    job_key,
    queue_key,
    registry_key,
    tag_key,
)
from taskdesk.jobs.listing import Filter, Listing
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import (
    CANCEL_JOBS,
    DELETE_JOBS,
    ENQUEUE_NOW,
    KEEP_JOBS,
    MOVE_JOBS,
    RESCHEDULE_JOBS,
    UNKEEP_JOBS,
    Script,
)
from taskdesk.jobs.status import BY_RQ_WORD, FINAL, FULL, UNREADABLE, Status
from taskdesk.jobs.stored_results import StoredResults, read_value
from taskdesk.jobs.submission import MAX_BATCH, Idempotency, fields_of_all, ids_of_earlier, send
from taskdesk.jobs.submit_options import SubmitOptions
from taskdesk.jobs.submitted_job import own_fields, submitted
from taskdesk.service import clock

_EXTRA_ENTRIES = 50  # of a registry: it is sorted by the second, so the newest may stand a little further
_IDS_PER_SCRIPT = 100  # 0.1 s of Redis for jobs that wait among a million
_CANCELED = json.dumps({"type": "Canceled", "title": "Canceled", "detail": "The job was canceled before it started."})


@dataclass(frozen=True)
class Place:
    """The place of a job that has not started: its position in its queue, and how many jobs run before it.

    `ahead` includes the jobs of more urgent queues. `paused`: the queue starts no job now.
    """

    position: int
    ahead: int
    paused: bool


class Jobs:
    def __init__(
        self,
        redis: Redis,
        queues: Sequence[str],
        max_queued: int | None = None,
        before_list: Callable[[], None] = lambda: None,
    ):
        """`max_queued`: how many jobs may wait in a queue before a submit is refused; None for any number."""
        self._redis = redis
        self._max_queued = max_queued
        self._queues = queues
        self._before_list = before_list
        self._listing = Listing(redis, queues)
        self.results = StoredResults(redis)

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
        for the task: this does not check them. Raises IdempotencyKeyReused, NoRoom, AlreadyRetried, and as `get`.
        """
        job_id = job_id or new_job_id()
        common, due = fields_of_all(spec, retention, **options)
        own = own_fields(spec, arguments)
        first = options.get("first_retry", False)
        [sent] = send(self._redis, self._max_queued, spec, common, {job_id: own}, due, idempotency, first_retry=first)
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
        """Put a job for each of these arguments on a queue, in one atomic round trip; return their ids.

        Raises ValueError if there are more than MAX_BATCH; IdempotencyKeyReused, NoRoom.
        """
        if len(arguments) > MAX_BATCH:
            raise ValueError(f"A submit takes {MAX_BATCH:,} jobs at most, and not {len(arguments):,}.")
        common, due = fields_of_all(spec, retention, **options)
        jobs = {new_job_id(): own_fields(spec, one) for one in arguments}
        return send(self._redis, self._max_queued, spec, common, jobs, due, idempotency) if jobs else []

    def earlier_ids(self, idempotency: Idempotency) -> list[str]:
        """Return the ids of the jobs that an earlier request with the same key made. Raises IdempotencyKeyReused."""
        earlier = self._redis.get(idempotency_key(idempotency.key, idempotency.owner))
        return ids_of_earlier(idempotency, earlier) if earlier else []

    # End, keep, remove

    def cancel(self, *job_ids: str) -> list[str]:
        """Cancel jobs, each atomically; return the status that each had, empty for an unknown job.

        A job that has not started never starts. A running job is stopped by its worker within 5 seconds. A job that has
        ended stays as it is.
        """
        return self._each(CANCEL_JOBS, job_ids, now_text(), int(clock.now()), _CANCELED)

    def delete(self, *job_ids: str) -> list[str]:
        """Remove jobs, but not their files; return the status that each had. A running job is left alone."""
        return self._each(DELETE_JOBS, job_ids, now_text())

    def keep(self, *job_ids: str) -> list[str]:
        """Let jobs that have ended never expire; return the status of each. Other jobs are left alone."""
        return self._each(KEEP_JOBS, job_ids)

    def unkeep(self, *job_ids: str) -> list[str]:
        """Let jobs that are kept expire again; return the status of each. Other jobs are left alone."""
        return self._each(UNKEEP_JOBS, job_ids)

    def enqueue_now(self, *job_ids: str) -> list[str]:
        """Queue scheduled jobs now; return the status that each job had. Other jobs are left alone."""
        return self._each(ENQUEUE_NOW, job_ids, now_text())

    def move(self, queue: str, *job_ids: str) -> list[str]:
        """Move jobs that have not started to the end of a queue; return the status of each, FULL if it had no room."""
        return self._each(MOVE_JOBS, job_ids, queue, self._max_queued or "")

    def reschedule(self, at: datetime, *job_ids: str) -> list[str]:
        """Let jobs that are scheduled or queued be queued at that time; return the status that each job had."""
        return self._each(RESCHEDULE_JOBS, job_ids, math.ceil(at.timestamp()), now_text())

    def _each(self, script: Script, job_ids: Sequence[str], *arguments: Any) -> list[str]:
        """Run a script on some jobs at a time: while it runs, Redis answers nobody else."""
        parts = [job_ids[start : start + _IDS_PER_SCRIPT] for start in range(0, len(job_ids), _IDS_PER_SCRIPT)]
        return [
            word if word in (UNREADABLE, FULL) else BY_RQ_WORD.get(word, "")
            for part in parts
            for word in (status.decode(errors="replace") for status in script(self._redis, *arguments, *part))
        ]

    # Find

    def get(self, job_id: str) -> Job:
        """Return a job. Raises JobNotFound; JobExpired for a job that existed once."""
        if not is_job_id(job_id):
            raise JobNotFound(job_id)
        # Two commands and no pipeline: the commands of concurrent requests share round trips (connection.py).
        try:
            answers = [self._redis.hmget(job_key(job_id), WHOLE), self._redis.pttl(job_key(job_id))]
        except ResponseError as error:
            answers = [error, -1]
        [job] = load(answers, [job_id], WHOLE)
        if job is None:
            existed = any(self._redis.zscore(index, job_id) is not None for index in (JOBS, EXPIRED))
            raise JobExpired(job_id) if existed else JobNotFound(job_id)
        if job.status is Status.SCHEDULED:
            return with_due(job, self._redis.zscore(registry_key(Status.SCHEDULED.rq, job.queue), job_id))
        return job

    def has_tag(self, tag: str) -> bool:
        """Return True if a job has this tag, or had it and is gone."""
        return bool(self._redis.exists(tag_key(tag)))

    def owners(self, job_ids: Sequence[str]) -> list[str | None]:
        """Return the owner of each of these jobs: empty if it has none, None for an unknown job."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(job_key(job_id), "status", OWNER)
            answers = pipeline.execute(raise_on_error=False)
        return ["" if is_wrong_type(answer) else _owner(*answer) for answer in answers]

    def has_ended(self, job_id: str) -> bool:
        """Return True if the job has ended, or is gone, or its key holds no hash: there is nothing to wait for."""
        try:
            status = self._redis.hget(job_key(job_id), "status")
        except ResponseError as error:
            return is_wrong_type(error)
        return status is None or BY_RQ_WORD.get(status.decode(errors="replace")) in FINAL

    def place(self, job: Job) -> Place | None:
        """Return the place of a queued job, None for any other. A job that is tried again has a new place."""
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
        """Return the jobs that match, newest first and without their input, and the cursor of the next page.

        A page may be shorter than `limit` though more jobs follow, if few match. Raises InvalidArguments for a cursor
        that is invalid, or that belongs to another filter.
        """
        self._before_list()
        return self._listing.page(limit, cursor, matching)

    def arrivals(self, shown: Collection[str], cursor: str | None, matching: Filter) -> int:
        """Return how many jobs have been submitted that match and are not among `shown`, the ids of the first page.

        `cursor`: the next cursor of that page. A large number is not counted to its end. Raises as `page`.
        """
        self._before_list()
        return self._listing.arrivals(shown, cursor, matching)

    def load(self, job_ids: Iterable[str]) -> list[Job]:
        """Return the jobs with these ids, without their input; unknown ids are left out."""
        ids = [job_id for job_id in job_ids if is_job_id(job_id)]
        return [job for job in self._listing.load(ids) if job]

    def queued(self, limit: int) -> tuple[list[Job], int]:
        """Return the first jobs that wait, in the order in which they will run, and how many wait in all."""
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
        """Return the jobs that succeeded last, newest first, and how many are kept in all.

        RQ's registries are sorted by the second in which an entry expires, so a few more are read and sorted by their
        end. Entries that have expired are left out: RQ's clean-up would take a round trip.
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

    def result(self, job: Job) -> Any:
        """Return what the job returned. Raises as `StoredResults.text`, and UnreadableResult."""
        return read_value(job.id, self.results.text(job))


def _owner(status: bytes | None, owner: bytes | None) -> str | None:
    return None if status is None and owner is None else (owner or b"").decode(errors="replace")
