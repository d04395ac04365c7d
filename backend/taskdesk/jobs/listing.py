"""Lists of jobs: filtered, newest first, in pages, at a cost that does not grow with the number of jobs.

A page is read from one index (lua/index.lua): the smallest of those that the filter names. The other conditions are
checked job by job, for MAX_EXAMINED jobs per request at most. The next pages read the same index, because a job that
was queued again has another number in one index than in the others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from redis import Redis

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.jobs.job_hash import LISTED, load, with_due
from taskdesk.jobs.keys import (
    JOBS,
    WIP,
    cause_jobs_key,
    index_key,
    job_key,
    owner_key,
    registry_key,
    tag_key,
    task_key,
)
from taskdesk.jobs.scripts import ENTRIES, REINDEX
from taskdesk.jobs.status import INDEXED, Status

MAX_EXAMINED = 2_000
_CHUNK_ENTRIES = 200
_MAX_AGAIN = 250  # so that a cursor fits into an address; with more such jobs, the oldest may be shown twice
_CURSOR = re.compile(rf"([a-z]{{1,6}})\.([0-9]{{1,15}})((?:\.[0-9]{{1,15}}){{0,{_MAX_AGAIN}}})")


@dataclass(frozen=True)
class Filter:
    """The conditions that the jobs of a list meet; None for any. `since` ≤ submitted < `until`; `prefix`: of the id.

    `task` may name several tasks, separated by commas. `ended_since` ≤ end. `cause`: failed jobs of this cause that
    nobody has retried. `request`: the id of the request that submitted the job.
    """

    status: Status | None = None
    task: str | None = None
    queue: str | None = None
    tag: str | None = None
    owner: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    prefix: str | None = None
    ended_since: datetime | None = None
    cause: str | None = None
    retried: bool | None = None
    request: str | None = None

    def matches(self, job: Job) -> bool:
        return (
            self.status in (None, job.status)
            and (self.task is None or job.task in self.tasks)
            and self.queue in (None, job.queue)
            and (self.tag is None or self.tag in job.tags)
            and self.owner in (None, job.owner)
            and (self.until is None or job.created_at is None or job.created_at < self.until)
            and not self.is_before(job)
            and (self.ended_since is None or bool(job.is_final and job.ended_at and job.ended_at >= self.ended_since))
            and (self.cause is None or (self.cause == job.cause and job.status is Status.FAILED and not job.retried_as))
            and self.retried in (None, bool(job.retried_as))
            and self.request in (None, job.request_id)
        )

    @cached_property
    def tasks(self) -> frozenset[str]:
        return frozenset((self.task or "").split(","))

    def is_before(self, job: Job) -> bool:
        """Return True if the job, and so each that follows it in a list, was submitted too early."""
        return self.since is not None and job.created_at is not None and job.created_at < self.since


class Entry(NamedTuple):
    """An entry of an index: its score, and the queue and status of an index by status."""

    number: int
    id: str
    queue: str | None = None
    status: Status | None = None


Sources = dict[str, tuple[str | None, Status | None]]  # the keys of an index, with the queue and status of each
Found = list[tuple[Entry, Job]]


class Cursor(NamedTuple):
    """The place where a list goes on: an index, and the number to begin below.

    `again`: the own numbers, lower than that, of jobs that were shown under a newer one because they were queued again.
    """

    source: str
    before: float = math.inf
    again: frozenset[int] = frozenset()

    def __str__(self) -> str:
        again = sorted((number for number in self.again if number < self.before), reverse=True)[:_MAX_AGAIN]
        return ".".join(map(str, (self.source, self.before, *again)))


class Listing:
    def __init__(self, redis: Redis, queues: Sequence[str]):
        self._redis = redis
        self._queues = queues

    def page(self, limit: int, cursor: str | None, matching: Filter) -> tuple[list[Job], str | None]:
        """As `Jobs.page`."""
        choices = self._choices(matching)
        start = self._start(cursor, choices)
        found, before = self._find(limit, start, choices[start.source], matching)
        jobs = [job for _, job in found]
        if before is None:
            return jobs, None
        return jobs, str(Cursor(start.source, before, start.again.union(self._own_numbers(found))))

    def arrivals(self, shown: Collection[str], cursor: str | None, matching: Filter) -> int:
        """As `Jobs.arrivals`."""
        choices = self._choices(matching)
        source, lowest, _ = self._start(cursor, choices)
        entries = self._entries(choices[source], self._running(source, matching), math.inf, len(shown) + _CHUNK_ENTRIES)
        others = [entry for entry in entries if entry.id not in shown and (cursor is None or entry.number > lowest)]
        return sum(matching.matches(job) for _, job in self._jobs(others[:_CHUNK_ENTRIES], matching))

    def _find(self, limit: int, start: Cursor, sources: Sources, matching: Filter) -> tuple[Found, int | None]:
        """Return the jobs that match from there on, and the number below which to go on: None at the end."""
        queues = self._running(start.source, matching)
        found: Found = []
        seen: set[str] = set()
        examined, before, chunk = 0, start.before, limit + 1
        while True:
            entries = self._entries(sources, queues, before, chunk)
            for entry, job in self._jobs(entries, matching):
                if matching.is_before(job) and not _is_out_of_order(entry, job):
                    return found, None
                if matching.matches(job) and job.id not in seen and entry.number not in start.again:
                    if len(found) == limit:  # one more than is shown, so there is a next page
                        return found, found[-1][0].number
                    found.append((entry, job))
                    seen.add(job.id)
            examined += len(entries)
            if len(entries) < chunk:
                return found, None
            before = entries[-1].number
            chunk = max(chunk, _CHUNK_ENTRIES)  # the filter passes few entries
            if examined >= MAX_EXAMINED:
                return found, entries[-1].number

    def load(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Return the jobs of these ids, without their input; None for a job that is gone."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(job_key(job_id), LISTED)
                pipeline.pttl(job_key(job_id))
            jobs = load(pipeline.execute(raise_on_error=False), job_ids, LISTED)
        scheduled = {n: job for n, job in enumerate(jobs) if job and job.status is Status.SCHEDULED}
        for (n, job), score in zip(scheduled.items(), self._scores(scheduled.values()), strict=True):
            jobs[n] = with_due(job, score)
        return jobs

    def _scores(self, scheduled: Iterable[Job]) -> list[float | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job in scheduled:
                pipeline.zscore(registry_key(Status.SCHEDULED.rq, job.queue), job.id)
            return list(pipeline.execute())

    def _choices(self, matching: Filter) -> dict[str, Sources]:
        """Return the indexes that may be read, by name."""
        choices: dict[str, Sources] = {}
        if matching.status or matching.queue:
            queues = (matching.queue,) if matching.queue else self._queues
            statuses = (matching.status,) if matching.status else INDEXED
            choices["status"] = {index_key(queue, status): (queue, status) for queue in queues for status in statuses}
        if matching.status == Status.RUNNING:
            return choices
        if matching.task:
            choices["task"] = {task_key(task): (None, None) for task in sorted(matching.tasks)}
        if matching.tag:
            choices["tag"] = {tag_key(matching.tag): (None, None)}
        if matching.owner:
            choices["owner"] = {owner_key(matching.owner): (None, None)}
        if matching.cause:
            choices["cause"] = {cause_jobs_key(matching.cause): (None, Status.FAILED)}
        return choices or {"all": {JOBS: (None, None)}}

    def _start(self, cursor: str | None, choices: dict[str, Sources]) -> Cursor:
        """Return where to begin. Raises InvalidArguments for a cursor that is none of such a list."""
        if cursor is None:
            return Cursor(self._smallest(choices))
        parts = _CURSOR.fullmatch(cursor)
        if not parts or parts[1] not in choices:
            raise InvalidArguments(
                [FieldError("/cursor", "This is not a cursor of this list: use the next_cursor of a page.")]
            )
        return Cursor(parts[1], int(parts[2]), frozenset(map(int, parts[3].split(".")[1:])))

    def _smallest(self, choices: dict[str, Sources]) -> str:
        if len(choices) == 1:
            return next(iter(choices))
        with self._redis.pipeline(transaction=False) as pipeline:
            for sources in choices.values():
                for key in sources:
                    pipeline.zcard(key)
            sizes = iter(pipeline.execute())
        return min(choices, key=lambda source: sum(next(sizes) for _ in choices[source]))

    def _running(self, source: str, matching: Filter) -> Sequence[str]:
        """Return the queues whose running jobs have to be read in addition: no index by status has them."""
        if source != "status" or matching.status not in (Status.RUNNING, None):
            return ()
        return (matching.queue,) if matching.queue else self._queues

    def _entries(self, sources: Sources, running: Sequence[str], before: float, count: int) -> list[Entry]:
        """Return the newest `count` entries below a number, with the jobs that run in these queues, at one moment."""
        others = [registry_key(WIP, queue) for queue in running]
        answers = ENTRIES(self._redis, f"({before}", count, len(sources), *sources, *others)
        entries = [
            Entry(int(number), job_id.decode(), *its)
            for its, answer in zip(sources.values(), answers[: len(sources)], strict=True)
            for job_id, number in zip(answer[::2], answer[1::2], strict=True)
        ]
        members = [member.decode().rpartition(":")[0] for part in answers[len(sources) :] for member in part]
        entries += [Entry(number, job_id) for job_id, number in self._numbers(members) if number < before]
        return sorted({entry.id: entry for entry in entries}.values(), reverse=True)[:count]

    def _numbers(self, job_ids: Sequence[str]) -> list[tuple[str, int]]:
        """Return the number that each job got when it was submitted. A job that intake.py has not seen has none."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.zscore(JOBS, job_id)
            numbers = pipeline.execute()
        return [(job_id, int(number)) for job_id, number in zip(job_ids, numbers, strict=True) if number is not None]

    def _own_numbers(self, found: Found) -> list[int]:
        """Return the own numbers of jobs that are queued again: the index has these again once the jobs begin."""
        again = [job.id for entry, job in found if _is_queued_again(entry, job)]
        return [number for _, number in self._numbers(again)]

    def _jobs(self, entries: list[Entry], matching: Filter) -> Iterator[tuple[Entry, Job]]:
        """Yield the jobs of these entries that are still there. Reindex the jobs that RQ's own tools have moved."""
        if matching.prefix:
            entries = [entry for entry in entries if entry.id.startswith(matching.prefix)]
        astray: list[str] = []
        for entry, job in zip(entries, self.load([entry.id for entry in entries]), strict=True):
            if job:
                yield entry, job
                if entry.status not in (None, job.status):
                    astray += (entry.queue or job.queue, job.id)
        if astray:
            REINDEX(self._redis, *astray)


def _is_out_of_order(entry: Entry, job: Job) -> bool:
    """Return True if jobs that were submitted later may follow this one."""
    return job.is_plain or _is_queued_again(entry, job)


def _is_queued_again(entry: Entry, job: Job) -> bool:
    """Return True if the job may stand under a newer number than its own."""
    return entry.status == Status.QUEUED and job.enqueued_at != job.created_at
