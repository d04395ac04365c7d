"""Lists of jobs: filtered, newest first, by page, at a cost that does not grow with the number of jobs.

A page is read from the index (lua/index.lua) that has the fewest entries of those that the filter names; what else it
names is looked at job by job. So that no request takes long, one looks at EXAMINED jobs at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from redis import Redis

from jobkit.job import EVERY_STATUS, LISTED, Job, load, with_due
from jobkit.redis import JOBS, index_key, job_key, registry_key, tag_key, task_key
from jobkit.scripts import REINDEX

EXAMINED = 2_000
_CHUNK = 200
INDEXED = tuple(status for status in EVERY_STATUS if status != "running")


@dataclass(frozen=True)
class Filter:
    """What the jobs of a list have in common; None for whatever. `since` ≤ submitted < `until`; `prefix`: of the id."""

    status: str | None = None
    task: str | None = None
    queue: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    prefix: str | None = None

    def matches(self, job: Job) -> bool:
        return (
            self.status in (None, job.status)
            and self.task in (None, job.task)
            and self.queue in (None, job.queue)
            and (self.tag is None or self.tag in job.tags)
            and (self.until is None or job.created_at is None or job.created_at < self.until)
            and not self.is_before(job)
        )

    def is_before(self, job: Job) -> bool:
        """Whether the job, and so each that follows it in a list, was submitted too early."""
        return self.since is not None and job.created_at is not None and job.created_at < self.since


class Entry(NamedTuple):
    """An entry of an index: the number by which it is ordered, and the queue and status that it stands for, if any."""

    number: int
    id: str
    queue: str | None = None
    status: str | None = None


Sources = dict[str, tuple[str | None, str | None]]  # keys of an index, with the queue and status of their jobs


class Listing:
    def __init__(self, redis: Redis, queues: Sequence[str]):
        self._redis = redis
        self._queues = queues

    def page(self, limit: int, cursor: str | None, matching: Filter) -> tuple[list[Job], str | None]:
        """As `Jobs.page`."""
        before = f"({int(cursor)}" if cursor else "+inf"
        sources = self._cheapest(matching)
        found: list[tuple[Job, int]] = []
        examined = 0
        chunk = limit + 1
        while True:
            entries = self._entries(sources, matching, before, chunk)
            for entry, job in self._jobs(entries, matching):
                if matching.is_before(job) and entry.status != "queued":  # one queued again has a new number there
                    return [job for job, _ in found], None
                if matching.matches(job):
                    found.append((job, entry.number))
                    if len(found) > limit:  # one more than is shown: so there is a next page
                        return [job for job, _ in found[:limit]], str(found[limit - 1][1])
            examined += len(entries)
            if len(entries) < chunk:
                return [job for job, _ in found], None
            before = f"({entries[-1].number}"
            chunk = max(chunk, _CHUNK)  # what is looked for is not in every entry
            if examined >= EXAMINED:
                return [job for job, _ in found], before.lstrip("(")

    def load(self, job_ids: Sequence[str]) -> list[Job | None]:
        """The jobs of these ids, without their input."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(job_key(job_id), LISTED)
                pipeline.pttl(job_key(job_id))
            jobs = load(pipeline.execute(), job_ids, LISTED)
        scheduled = {n: job for n, job in enumerate(jobs) if job and job.status == "scheduled"}
        for (n, job), score in zip(scheduled.items(), self._scores(scheduled.values()), strict=True):
            jobs[n] = with_due(job, score)
        return jobs

    def _scores(self, scheduled: Iterable[Job]) -> list[float | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job in scheduled:
                pipeline.zscore(registry_key("scheduled", job.queue), job.id)
            return list(pipeline.execute())

    def _cheapest(self, matching: Filter) -> Sources:
        """The keys of the index to read, each with the queue and the status that its jobs should have."""
        choices: list[Sources] = []
        if matching.status or matching.queue:
            queues = (matching.queue,) if matching.queue else self._queues
            statuses = (matching.status,) if matching.status else INDEXED
            choices.append({index_key(queue, status): (queue, status) for queue in queues for status in statuses})
        if matching.task:
            choices.append({task_key(matching.task): (None, None)})
        if matching.tag:
            choices.append({tag_key(matching.tag): (None, None)})
        if len(choices) < 2 or matching.status == "running":
            return choices[0] if choices else {JOBS: (None, None)}
        with self._redis.pipeline(transaction=False) as pipeline:
            for keys in choices:
                for key in keys:
                    pipeline.zcard(key)
            sizes = iter(pipeline.execute())
        return min(choices, key=lambda keys: sum(next(sizes) for _ in keys))

    def _entries(self, sources: Sources, matching: Filter, before: str, count: int) -> list[Entry]:
        """The newest `count` entries before a number, all as they were at one moment."""
        reads_running = (matching.status or matching.queue) and matching.status in ("running", None)
        queues = ([matching.queue] if matching.queue else self._queues) if reads_running else ()
        with self._redis.pipeline(transaction=True) as pipeline:
            for key in sources:
                pipeline.zrevrangebyscore(key, before, "-inf", 0, count, withscores=True)
            for queue in queues:
                pipeline.zrange(registry_key("wip", queue), 0, -1)
            answers = pipeline.execute()
        entries = [
            Entry(int(number), job_id.decode(), *its)
            for its, answer in zip(sources.values(), answers[: len(sources)], strict=True)
            for job_id, number in answer
        ]
        running = [member.decode().rpartition(":")[0] for part in answers[len(sources) :] for member in part]
        entries += self._numbered(running, before)
        return sorted({entry.id: entry for entry in entries}.values(), reverse=True)[:count]

    def _numbered(self, running: list[str], before: str) -> list[Entry]:
        """Entries for the jobs that run: there are as many as workers."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in running:
                pipeline.zscore(JOBS, job_id)
            numbers = zip(running, pipeline.execute(), strict=True)
        limit = math.inf if before == "+inf" else int(before.lstrip("("))
        return [Entry(int(number), job_id) for job_id, number in numbers if number is not None and number < limit]

    def _jobs(self, entries: list[Entry], matching: Filter) -> Iterator[tuple[Entry, Job]]:
        """The jobs of these entries that are still there. What RQ's own tools have moved is indexed anew."""
        if matching.prefix:
            entries = [entry for entry in entries if entry.id.startswith(matching.prefix)]
        astray: list[str] = []
        for entry, job in zip(entries, self.load([entry.id for entry in entries]), strict=True):
            if job:
                yield entry, job
                if entry.queue and entry.status not in (None, job.status):
                    astray += (entry.queue, job.id)
        if astray:
            REINDEX(self._redis, *astray)
