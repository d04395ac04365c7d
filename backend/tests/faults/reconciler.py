"""The reconciler reads every key of Redis, and names each that disagrees with another.

It knows RQ's layout. A key that it does not know must belong to a job that exists, or expire.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from redis import Redis

from taskdesk.jobs.fields import CAUSE, FOREIGN, RETRIED_AS
from taskdesk.jobs.keys import EXPIRED, JOBS, cause_jobs_key, foreign_key, index_key
from taskdesk.jobs.status import status_of
from tests.faults.fleet import OTHER_VERSION
from tests.faults.history import PREFIX

FINAL = frozenset({"finished", "failed", "stopped", "canceled"})
REGISTRIES = {  # the sorted set in which RQ keeps a job of each status
    "started": ("wip",),
    "finished": ("finished",),
    "failed": ("failed",),
    "stopped": ("failed", "canceled"),
    "canceled": ("canceled",),
    "deferred": ("deferred",),
    "scheduled": ("scheduled",),
}
JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REGISTRY = re.compile(r"rq:(wip|finished|failed|canceled|deferred|scheduled):([^:]+)")


class Snapshot:
    """All keys of Redis but those of `history.py`, read at about one moment: exact only while workers are idle."""

    def __init__(self, redis: Redis):
        self._redis = redis
        keys = (key for key in _texts(redis.scan_iter(count=1000)) if f":{PREFIX}" not in key)
        self.kinds = self._ask(sorted(keys), "type")
        self.expiries = self._ask(list(self.kinds), "ttl")
        self.jobs = {
            key.removeprefix("rq:job:"): (status or b"").decode()
            for key, status in self._ask(self._named("rq:job:", "hash"), "hget", "status").items()
        }
        self.queued = Counter[str]()
        self.intermediate: list[str] = []
        for key, ids in self._ask(self._named("rq:queue:", "list"), "lrange", 0, -1).items():
            if key.endswith(":intermediate"):
                self.intermediate += _texts(ids)
            else:
                self.queued.update(_texts(ids))
        self.members: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for key, ids in self._ask(self._named("rq:", "zset"), "zrange", 0, -1).items():
            if match := _REGISTRY.fullmatch(key):
                self.members[match[1]].update(member.partition(":")[0] for member in _texts(ids))

    def held(self, job_id: str) -> list[str]:
        """Return the places that hold a job that has not ended, and from which it can go on."""
        places = [kind for kind in ("wip", "deferred", "scheduled") if self.members[kind][job_id]]
        return places + ["queue"] * self.queued[job_id] + ["intermediate"] * self.intermediate.count(job_id)

    def astray(self) -> Iterator[str]:
        """Yield a sentence for each disagreement (I6)."""
        yield from self._jobs()
        yield from self._entries()
        yield from self._executions()
        yield from self._workers()
        yield from self._ours()

    def _jobs(self) -> Iterator[str]:
        for job_id, status in self.jobs.items():
            found = [kind for kind in self.members if self.members[kind][job_id]]
            if status == "queued":
                if self.queued[job_id] != 1:
                    yield f"job {job_id} is queued and {self.queued[job_id]} times in a queue"
                if found:
                    yield f"job {job_id} is queued and in {found}"
            elif status not in REGISTRIES:
                yield f"job {job_id} has the status {status!r}"
            elif (len(found) != 1 or found[0] not in REGISTRIES[status]) and not self._has_repeated(job_id, found):
                yield f"job {job_id} is {status} and in {found}"

    def _has_repeated(self, job_id: str, found: list[str]) -> bool:
        """Return True for a job that repeats: RQ leaves it in the registry of its earlier success."""
        others = [kind for kind in found if kind != "finished"]
        is_whole = len(others) == 1 and others[0] in REGISTRIES[self.jobs[job_id]]
        return is_whole and self._redis.hexists(f"rq:job:{job_id}", "repeats_left")

    def _entries(self) -> Iterator[str]:
        for job_id in self.queued:
            if self.jobs.get(job_id) != "queued":
                yield f"a queue holds job {job_id}, which is {self.jobs.get(job_id, 'gone')}"
        for job_id in self.intermediate:
            yield f"an intermediate list holds job {job_id}"
        for kind, ids in self.members.items():
            for job_id, count in ids.items():
                if job_id not in self.jobs:
                    yield f"the registry {kind} holds job {job_id}, which is gone"
                if count > 1:
                    yield f"the registry {kind} holds job {job_id} {count} times"

    def _executions(self) -> Iterator[str]:
        for prefix in ("rq:execution:", "rq:executions:"):
            for key in self._named(prefix):
                job_id = key.removeprefix(prefix).partition(":")[0]
                if self.jobs.get(job_id) != "started":
                    yield f"{key} is of a job that is {self.jobs.get(job_id, 'gone')}"

    def _workers(self) -> Iterator[str]:
        for key, job_id in self._ask(self._named("rq:worker:", "hash"), "hget", "current_job").items():
            status = self.jobs.get((job_id or b"").decode())
            if job_id and status != "started":
                yield f"{key} says that it runs job {job_id.decode()}, which is {status or 'gone'}"
            if self.expiries[key] < 0:
                yield f"{key} never expires"

    def _ours(self) -> Iterator[str]:
        known = {member for index in (JOBS, EXPIRED) for member in _texts(self._redis.zrange(index, 0, -1))}
        numbers = self._ask(self._named("rq:job:", "hash"), "hget", "td_seq")  # what RQ's producers submit has none
        for job_id in {key.removeprefix("rq:job:") for key, number in numbers.items() if number} - known:
            yield f"job {job_id} is not in the index of jobs"
        for job_id in set(_texts(self._redis.zrange(JOBS, 0, -1))) - self.jobs.keys():
            yield f"the index of jobs holds {job_id}, which is gone"
        yield from self._indexes()
        yield from self._handed_back()
        yield from self._causes()
        for key, expiry in self.expiries.items():
            match = JOB_ID.search(key)
            if match and match[0] not in self.jobs and expiry < 0 and not key.startswith("rq:worker:"):
                yield f"{key} never expires, and its job is gone"

    def _indexes(self) -> Iterator[str]:
        """A job of ours is in the index of its queue and status and in no other; a running job is in none."""
        entries = self._ask(self._named("taskdesk:jobs:", "zset"), "zrange", 0, -1)
        found = {(key, job_id) for key, ids in entries.items() for job_id in _texts(ids)}
        expected = set()
        fields = ["origin", "td_seq", FOREIGN]
        for key, (queue, number, foreign) in self._ask(self._named("rq:job:", "hash"), "hmget", fields).items():
            job_id = key.removeprefix("rq:job:")
            status = status_of(self.jobs[job_id].encode(), foreign)
            if number and status != "running":
                expected.add((index_key(_text(queue), status), job_id))
        for key, job_id in found - expected:
            yield f"{key} holds job {job_id}, which is {self.jobs.get(job_id, 'gone')}"
        if OTHER_VERSION:  # one without causes leaves its failures to a later sweep
            return
        for key, job_id in expected - found:
            yield f"{key} doesn't hold job {job_id}"

    def _handed_back(self) -> Iterator[str]:
        """The index of handed-back jobs of a queue holds those that wait, and no other."""
        entries = self._ask(self._named("taskdesk:foreign:", "zset"), "zrange", 0, -1)
        found = Counter((key, entry.split(" ", 2)[2]) for key, its in entries.items() for entry in _texts(its))
        states = self._ask(self._named("rq:job:", "hash"), "hmget", ["origin", FOREIGN])
        expected = Counter(
            (foreign_key(_text(queue)), job_id)
            for key, (queue, foreign) in states.items()
            if foreign and self.jobs.get(job_id := key.removeprefix("rq:job:")) == "scheduled"
        )
        for key, job_id in found - expected:
            yield f"{key} holds job {job_id}, which is {self.jobs.get(job_id, 'gone')}"
        if OTHER_VERSION:  # one without causes leaves its failures to a later sweep
            return
        for key, job_id in expected - found:
            yield f"{key} doesn't hold job {job_id}"

    def _causes(self) -> Iterator[str]:
        """Each failed job that nobody has retried stands under its cause, once, and no other job that exists does."""
        entries = self._ask(self._named("taskdesk:cause-jobs:", "zset"), "zrange", 0, -1)
        found = Counter((key, job_id) for key, ids in entries.items() for job_id in _texts(ids) if job_id in self.jobs)
        jobs = self._ask(self._named("rq:job:", "hash"), "hmget", ["td_seq", CAUSE, RETRIED_AS])
        expected = Counter(
            (cause_jobs_key(_text(cause or b"")), job_id)
            for key, (number, cause, retried_as) in jobs.items()
            if number and not retried_as and self.jobs.get(job_id := key.removeprefix("rq:job:")) == "failed"
        )
        for key, job_id in found - expected:
            yield f"{key} holds job {job_id}, which is {self.jobs[job_id]}"
        if OTHER_VERSION:  # one without causes leaves its failures to a later sweep
            return
        for key, job_id in expected - found:
            yield f"{key} doesn't hold the failed job {job_id}"

    def _named(self, prefix: str, kind: str = "") -> list[str]:
        return [key for key, its in self.kinds.items() if key.startswith(prefix) and kind in ("", _text(its))]

    def _ask(self, keys: list[str], command: str, *arguments: Any) -> dict[str, Any]:
        answers: list[Any] = []
        for start in range(0, len(keys), 2000):
            with self._redis.pipeline(transaction=False) as pipeline:
                ask: Callable[..., Any] = getattr(pipeline, command)
                for key in keys[start : start + 2000]:
                    ask(key, *arguments)
                answers += pipeline.execute(raise_on_error=False)  # a key may change its kind or vanish meanwhile
        return {key: answer for key, answer in zip(keys, answers, strict=True) if not isinstance(answer, Exception)}


def _texts(values: Any) -> list[str]:
    """Decode the values, and leave out the ids of `history.py`."""
    return [text for text in map(_text, values) if not text.startswith(PREFIX)]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
