"""Remove the index entries and files of jobs that are gone, and the oldest jobs over MAX_JOBS.

Redis itself removes an expired job; this removes what belonged to it. One worker at a time does it, in slices, so no
sweep takes long however many jobs there are.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from redis import Redis

from taskdesk.jobs.artifacts import ArtifactStore
from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.fields import NUMBER, PLAIN
from taskdesk.jobs.keys import BYTES, EXPIRED, JOBS, SWEEP_LOCK, foreign_key, index_key, job_key, registry_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import ALWAYS_RUN, DELETE_JOBS, NAMED_INDEXES, OWNERS
from taskdesk.jobs.status import FINAL, INDEXED, Status
from taskdesk.jobs.submission import MAX_BATCH
from taskdesk.jobs.uncounted import count_failures
from taskdesk.service import clock
from taskdesk.worker.settings import WorkerSettings

SWEEP_LOCK_SECONDS = 20  # during which no worker sweeps again
BEHIND_LOCK_SECONDS = 1  # instead, while there is more to remove
SLICE_ENTRIES = 5_000  # of an index or a folder, in one step
_COUNTED_JOBS = 200  # per call of OWNERS, which takes 2 ms
SWEEP_SECONDS = 0.5  # for the indexes and jobs of one sweep
SWEEP_FILES_SECONDS = 0.5  # for its files, in addition
MAX_PASSED_OVER = 20_000  # entries of a registry that are read to find a job that may be removed
EXPIRED_IDS_SECONDS = 30 * 24 * 3600  # that the id of an expired job is known: 410, not 404
MAX_EXPIRED_IDS = 100_000
UPLOAD_GRACE_SECONDS = 3600  # a younger file may belong to a request whose job is not in Redis yet

Entries = Sequence[tuple[bytes, float]]  # of a sorted set: member, score


class Sweeper:
    def __init__(self, redis: Redis, store: ArtifactStore, settings: WorkerSettings):
        self._redis = redis
        self._store = store
        self._settings = settings
        self._steps = self._rounds()
        self._folders = store.job_ids()  # the rest of a round through the store
        self._orphans: list[str] = []  # jobs that are gone, and whose files are not
        self._removed = 0  # entries, jobs and folders, by this sweep

    def sweep(self) -> bool:
        """Return True if a full batch was removed and the next run should come soon."""
        if not ALWAYS_RUN(self._redis, "SET", SWEEP_LOCK, "1", "NX", "EX", SWEEP_LOCK_SECONDS):
            return False
        self._removed = 0
        until = time.monotonic() + SWEEP_SECONDS
        for is_round_over in self._steps:
            if is_round_over or time.monotonic() > until:
                break
        else:
            self._steps = self._rounds()  # a generator that has raised yields nothing any more
        while self._enforce_cap() and time.monotonic() < until:
            pass
        self._remove_orphaned_files()
        is_behind = self._removed >= SLICE_ENTRIES or bool(self._orphans)
        if is_behind:
            self._redis.expire(SWEEP_LOCK, BEHIND_LOCK_SECONDS)
        return is_behind

    def _rounds(self) -> Iterator[bool]:
        """Remove index entries of jobs that are gone, one slice per step; yield True after a full round."""
        while True:
            self._trim_expired_ids()
            yield from self._sweep_jobs()
            for queue in self._settings.queues:
                yield from self._count_failures(index_key(queue, Status.FAILED))
            for index in self._indexes():
                yield from self._sweep_index(index)
            for queue in self._settings.queues:
                yield from self._sweep_handed_back(foreign_key(queue))
            yield True

    def _trim_expired_ids(self) -> None:
        now = clock.sync(self._redis)
        self._redis.zremrangebyscore(EXPIRED, "-inf", now - EXPIRED_IDS_SECONDS)
        self._redis.zremrangebyrank(EXPIRED, 0, -MAX_EXPIRED_IDS - 1)

    def _sweep_jobs(self) -> Iterator[bool]:
        """Sweep the index of all jobs, and count on the way what the jobs of each owner take."""
        owners = self._redis.hkeys(BYTES)
        taken: Counter[bytes] = Counter()
        for entries in self._slices(JOBS):
            self._forget_gone(JOBS, entries)
            self._add_by_owner(taken, entries)
            yield False
        self._tell_of_owners(taken, owners)

    def _count_failures(self, index: str) -> Iterator[bool]:
        """Count the failures of an older version, and those that nobody could count when the job ended."""
        for entries in self._slices(index):
            count_failures(self._redis, [job_id.decode() for job_id, _ in entries])
            yield False

    def _sweep_index(self, index: str) -> Iterator[bool]:
        for entries in self._slices(index):
            self._forget_gone(index, entries)
            yield False

    def _sweep_handed_back(self, foreign: str) -> Iterator[bool]:
        after = b"-"
        while entries := self._redis.zrangebylex(foreign, after, b"+", 0, SLICE_ENTRIES):
            self._forget_moved(foreign, entries)
            after = b"(" + entries[-1]
            yield False

    def _slices(self, index: str) -> Iterator[Entries]:
        start = "-inf"
        while entries := self._redis.zrangebyscore(index, start, "+inf", 0, SLICE_ENTRIES, withscores=True):
            yield entries
            start = f"({entries[-1][1]}"

    def _forget_gone(self, index: str, entries: Entries) -> None:
        gone = self._without_job([job_id.decode() for job_id, _ in entries])
        self._removed += len(gone)
        if gone and index == JOBS:
            self._remember(gone)
        if gone:
            self._redis.zrem(index, *gone)

    def _add_by_owner(self, taken: Counter[bytes], entries: Entries) -> None:
        """Add the bytes of these jobs to the sums of their owners, and index the jobs by owner."""
        for start in range(0, len(entries), _COUNTED_JOBS):
            part = entries[start : start + _COUNTED_JOBS]
            answer = OWNERS(self._redis, *[word for job_id, number in part for word in (number, job_id)])
            for owner, size in zip(answer[::2], answer[1::2], strict=True):
                taken[owner] += size

    def _tell_of_owners(self, taken: Counter[bytes], owners: Sequence[bytes]) -> None:
        """Write the sums, by which submits are limited. Forget those of `owners` that have no job any more."""
        for owner, size in taken.items():
            ALWAYS_RUN(self._redis, "HSET", BYTES, owner, size)
        if gone := [owner for owner in owners if owner not in taken]:
            self._redis.hdel(BYTES, *gone)

    def _remember(self, job_ids: Sequence[str]) -> None:
        """Note the ids of jobs that are gone, so that the web can answer 410."""
        now = clock.now()
        for start in range(0, len(job_ids), MAX_BATCH):
            entries = [part for job_id in job_ids[start : start + MAX_BATCH] for part in (now, job_id)]
            ALWAYS_RUN(self._redis, "ZADD", EXPIRED, *entries)

    def _forget_moved(self, foreign: str, entries: Sequence[bytes]) -> None:
        """Forget handed-back jobs that RQ's own tools have queued, canceled or deleted."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for entry in entries:
                pipeline.hget(job_key(entry.split(b" ", 2)[2].decode()), "status")
            statuses = pipeline.execute(raise_on_error=False)  # of a key that holds no hash, an error
        moved = [
            entry for entry, status in zip(entries, statuses, strict=True) if status != Status.SCHEDULED.rq.encode()
        ]
        if moved:
            self._redis.zrem(foreign, *moved)

    def _indexes(self) -> list[str]:
        """Return every other sorted set that may hold an expired job. RQ has no clean-up for canceled jobs."""
        named = [name.decode() for name in NAMED_INDEXES(self._redis)]
        by_status = [index_key(queue, status) for queue in self._settings.queues for status in INDEXED]
        return [*by_status, *(registry_key(Status.CANCELED.rq, queue) for queue in self._settings.queues), *named]

    def _enforce_cap(self) -> bool:
        """Remove the ended jobs over MAX_JOBS that would expire first; return True if more are left.

        Kept jobs stay. So do the jobs of plain RQ programs, though they count: they stay as long as RQ would keep them.
        RQ scores canceled jobs by their end, so these go before all others.
        """
        registries = [registry_key(status.rq, queue) for status in FINAL for queue in self._settings.queues]
        surplus = min(self._count(registries) - self._settings.max_jobs, MAX_BATCH)
        ids = self._first_to_expire(registries, surplus) if surplus > 0 else []
        if ids:
            DELETE_JOBS(self._redis, now_text(), *ids)
            for registry in registries:
                self._redis.zrem(registry, *ids)  # also the entry of a job that was gone already
            self._remember(ids)
        self._removed += len(ids)
        return len(ids) == MAX_BATCH

    def _count(self, registries: Sequence[str]) -> int:
        with self._redis.pipeline(transaction=False) as pipeline:
            for registry in registries:
                pipeline.zcard(registry)
            return sum(pipeline.execute())

    def _first_to_expire(self, registries: Sequence[str], count: int) -> list[str]:
        entries = [entry for registry in registries for entry in islice(self._removable(registry), count)]
        return [job_id.decode() for job_id, _ in sorted(entries, key=lambda entry: entry[1])[:count]]

    def _removable(self, registry: str) -> Iterator[tuple[bytes, float]]:
        """Yield the entries of jobs that this desk submitted, or that are gone, the first to expire first."""
        for start in range(0, MAX_PASSED_OVER, MAX_BATCH):
            entries = self._redis.zrangebyscore(registry, "-inf", "(+inf", start, MAX_BATCH, withscores=True)
            with self._redis.pipeline(transaction=False) as pipeline:
                for job_id, _ in entries:
                    pipeline.hmget(job_key(job_id.decode()), "status", NUMBER, PLAIN)
                jobs = pipeline.execute(raise_on_error=False)
            for entry, job in zip(entries, jobs, strict=True):
                if is_wrong_type(job) or job[0] is None or (job[1] and not job[2]):
                    yield entry
            if len(entries) < MAX_BATCH:
                return

    def _remove_orphaned_files(self) -> None:
        """Go on with the round through the store, for a moment only: this worker's heartbeats have to go on."""
        until = time.monotonic() + SWEEP_FILES_SECONDS
        if not self._orphans:
            self._orphans = self._without_job(self._next_folders(until))
        while self._orphans and time.monotonic() < until + SWEEP_FILES_SECONDS:
            self._store.delete(self._orphans.pop())
            self._removed += 1

    def _next_folders(self, until: float) -> list[str]:
        old = []
        for job_id, age in self._folders:
            if age > UPLOAD_GRACE_SECONDS:
                old.append(job_id)
            if time.monotonic() > until or len(old) == SLICE_ENTRIES:
                break
        else:
            self._folders = self._store.job_ids()
        return old

    def _without_job(self, job_ids: Sequence[str]) -> list[str]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.exists(job_key(job_id))
            return [job_id for job_id, there in zip(job_ids, pipeline.execute(), strict=True) if not there]
