"""Jobs: submit one, find one, list them. RQ's data model, with our own fields in RQ's job hash.

Our fields live in the hash that RQ keeps for the job, so they appear, expire and vanish with it; RQ ignores them.
They are plain JSON, never `job.meta`, which tools of RQ may rewrite as a pickle.
"""

from __future__ import annotations

import base64
import json
import random
import re
import time
import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from rq.utils import utcformat

from jobkit.catalog import TaskSpec
from jobkit.errors import JobExpired, JobNotFound, NoResult
from jobkit.events import Progress
from jobkit.redis import EXPIRED, JOBS, SEQUENCE, job_key

PROGRESS, RESULT_KINDS, ERROR = "td_progress", "td_result", "td_error"

STATUSES = {
    "created": "queued",
    "queued": "queued",
    "started": "running",
    "finished": "succeeded",
    "failed": "failed",
    "deferred": "waiting",
    "scheduled": "scheduled",
    "canceled": "canceled",
    "stopped": "canceled",
}
FINAL = frozenset({"succeeded", "failed", "canceled"})

_SAME_SECOND = 50
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_FIELDS = (
    *("data", "status", "origin", "created_at", "enqueued_at", "started_at", "ended_at"),
    *("result_ttl", PROGRESS, RESULT_KINDS, ERROR),
)

# KEYS: queue, set of queues, index of jobs, sequence. ARGV: how many fields and values a job has; for each, its id and
# these. An id that is there already changes nothing: a request that was sent again after a lost answer is harmless.
_SUBMIT = """
local size = tonumber(ARGV[1])
redis.call('SADD', KEYS[2], KEYS[1])
for i = 2, #ARGV, size + 1 do
  local id = ARGV[i]
  local key = 'rq:job:' .. id
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, unpack(ARGV, i + 1, i + size))
    redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[4]), id)
    redis.call('RPUSH', KEYS[1], id)
  end
end
"""

# KEYS: job hash. ARGV: id. A running job: the wish is kept in its hash until its worker has seen it, and told to the
# worker as RQ's send_stop_job_command does, so that it need not wait for the worker's next look.
_STOP = """
if redis.call('HGET', KEYS[1], 'status') ~= 'started' then return 0 end
redis.call('HSET', KEYS[1], 'td_stop', '1')
local worker = redis.call('HGET', KEYS[1], 'worker_name')
redis.call('PUBLISH', 'rq:pubsub:' .. (worker or ''), cjson.encode({command = 'stop-job', job_id = ARGV[1]}))
return 1
"""

BATCH = 1_000  # jobs that one submit may have
_LONGEST_BACKOFF = 300  # seconds


@dataclass(frozen=True)
class Retention:
    """How long a job is kept after its end, in seconds."""

    result_ttl: int
    failure_ttl: int


@dataclass(frozen=True)
class Job:
    """A job as Redis has it at one moment. `input` is None where its data can't be read."""

    id: str
    reference: str
    status: str
    queue: str
    input: dict[str, Any] | None
    progress: Progress | None
    result_kinds: Any
    error: dict[str, Any] | None
    created_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None

    @property
    def task(self) -> str:
        return self.reference.rpartition(".")[2]

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def new_job_id() -> str:
    return str(uuid.uuid4())


class Jobs:
    def __init__(self, redis: Redis, queues: Sequence[str]):
        self._redis = redis
        self._queues = queues
        self._submit = redis.register_script(_SUBMIT)
        self._stop = redis.register_script(_STOP)

    def submit(self, spec: TaskSpec, arguments: dict[str, Any], retention: Retention, *, job_id: str = "") -> Job:
        """Put a job on its task's queue, in one atomic round trip.

        `arguments` must be valid for the task: this does not check them.
        """
        job_id = job_id or new_job_id()
        fields = _rq_fields(spec, arguments, retention)
        self._send(spec, {job_id: fields})
        job = _restore(job_id, {name: str(fields[name]).encode() if name in fields else None for name in _FIELDS}, -1)
        assert job
        return job

    def submit_many(self, spec: TaskSpec, arguments: Sequence[dict[str, Any]], retention: Retention) -> list[str]:
        """Put a job for each of these arguments on the task's queue, in one atomic round trip; their ids.

        Raises ValueError if there are more than BATCH.
        """
        if len(arguments) > BATCH:
            raise ValueError(f"{len(arguments):,} jobs at once: {BATCH:,} is the most.")
        jobs = {new_job_id(): _rq_fields(spec, one, retention) for one in arguments}
        if jobs:
            self._send(spec, jobs)
        return list(jobs)

    def _send(self, spec: TaskSpec, jobs: dict[str, dict[str, Any]]) -> None:
        size = 2 * len(next(iter(jobs.values())))
        arguments: list[Any] = [size]
        for job_id, fields in jobs.items():
            arguments.append(job_id)
            for field in fields.items():
                arguments += field
        self._submit(keys=[f"rq:queue:{spec.queue}", "rq:queues", JOBS, SEQUENCE], args=arguments)

    def stop(self, job_id: str) -> bool:
        """Have its worker stop a job that runs, within 5 seconds; whether it runs. It ends as canceled."""
        return bool(self._stop(keys=[job_key(job_id)], args=[job_id]))

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound; JobExpired for a job that was there once."""
        if not _ID.fullmatch(job_id):
            raise JobNotFound(job_id)
        [job] = self._load([job_id])
        if job is None:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.zscore(JOBS, job_id)
                pipeline.zscore(EXPIRED, job_id)
                known = any(score is not None for score in pipeline.execute())
            raise JobExpired(job_id) if known else JobNotFound(job_id)
        return job

    def page(self, limit: int, cursor: str | None = None) -> tuple[list[Job], str | None]:
        """Jobs, newest first, and the cursor of the next page. Raises ValueError on a cursor that is none."""
        before = f"({int(cursor)}" if cursor else "+inf"
        found: list[Job] = []
        while len(found) < limit:
            wanted = limit - len(found)
            entries = self._redis.zrevrangebyscore(JOBS, before, "-inf", 0, wanted, withscores=True)
            found += filter(None, self._load([job_id.decode() for job_id, _ in entries]))
            if len(entries) < wanted:
                return found, None
            before = f"({int(entries[-1][1])}"
        return found, before.lstrip("(")

    def queued(self, limit: int) -> tuple[list[Job], int]:
        """The first jobs that wait, in the order in which they will run, and how many wait in all."""
        keys = [f"rq:queue:{queue}" for queue in self._queues]
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.llen(key)
            for key in keys:
                pipeline.lrange(key, 0, limit - 1)
            answers = pipeline.execute()
        ids = [job_id.decode() for part in answers[len(keys) :] for job_id in part][:limit]
        return [job for job in self._load(ids) if job], sum(answers[: len(keys)])

    def succeeded(self, limit: int) -> tuple[list[Job], int]:
        """The jobs that succeeded last, newest first, and how many are kept in all.

        From RQ's registries, without their clean-up: an entry may have expired, and is left out. Their order is by
        the second of expiry, so some more are read, and put in order by their end.
        """
        now = time.time()
        with self._redis.pipeline(transaction=False) as pipeline:
            for queue in self._queues:
                pipeline.zcount(f"rq:finished:{queue}", now, "+inf")
            for queue in self._queues:
                pipeline.zrevrangebyscore(f"rq:finished:{queue}", "+inf", now, 0, limit + _SAME_SECOND, withscores=True)
            answers = pipeline.execute()
        entries = sorted((e for part in answers[len(self._queues) :] for e in part), key=lambda e: -e[1])
        del entries[limit + _SAME_SECOND :]
        jobs = [job for job in self._load([job_id.decode() for job_id, _ in entries]) if job and job.ended_at]
        jobs.sort(key=lambda job: job.ended_at or datetime.min.replace(tzinfo=UTC), reverse=True)
        return jobs[:limit], sum(answers[: len(self._queues)])

    def result(self, job: Job) -> Any:
        """What the job returned. Raises NoResult before it has succeeded, JobExpired when it has gone meanwhile."""
        if job.status != "succeeded":
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
                pipeline.xrevrange(f"rq:results:{job_id}", count=1)
            return [entries[0][1] if entries else None for entries in pipeline.execute()]

    def _load(self, job_ids: Sequence[str]) -> list[Job | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(job_key(job_id), _FIELDS)
                pipeline.pttl(job_key(job_id))
            answers = pipeline.execute()
        rows = zip(job_ids, answers[::2], answers[1::2], strict=True)
        return [_restore(job_id, dict(zip(_FIELDS, values, strict=True)), ttl) for job_id, values, ttl in rows]


def _rq_fields(spec: TaskSpec, arguments: dict[str, Any], retention: Retention) -> dict[str, Any]:
    """The hash that RQ's `Queue.enqueue` would write; what it writes as empty strings is left out."""
    now = utcformat(datetime.now(UTC))
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    fields = {
        "created_at": now,
        "enqueued_at": now,
        "data": json.dumps((spec.reference, None, [], arguments)),
        "status": "queued",
        "origin": spec.queue,
        "description": f"{spec.reference}({shown})"[:200],
        "timeout": spec.timeout,
        "result_ttl": retention.result_ttl,
        "failure_ttl": retention.failure_ttl,
    }
    if spec.retries:
        fields |= {"retries_left": spec.retries, "retry_intervals": json.dumps(_backoff(spec.retries))}
    return fields


def _backoff(retries: int) -> list[float]:
    """Seconds to wait before each retry: 1, 2, 4, … up to five minutes, each half as much less or more by chance.

    So jobs that failed together, because something that they need was away, do not come back together.
    """
    return [round(min(2.0**n, _LONGEST_BACKOFF) * random.uniform(0.5, 1.5), 3) for n in range(retries)]


def _restore(job_id: str, fields: dict[str, bytes | None], ttl: int) -> Job | None:
    if fields["data"] is None or fields["status"] is None:
        return None
    reference, arguments = _call(fields["data"])
    current = fields[PROGRESS]
    return Job(
        id=job_id,
        reference=reference,
        status=STATUSES.get(fields["status"].decode(), "queued"),
        queue=(fields["origin"] or b"").decode(),
        input=arguments,
        progress=Progress(*json.loads(current)) if current else None,
        result_kinds=json.loads(fields[RESULT_KINDS] or b"null"),
        error=json.loads(fields[ERROR] or b"null"),
        created_at=_time(fields["created_at"]),
        enqueued_at=_time(fields["enqueued_at"]),
        started_at=_time(fields["started_at"]),
        ended_at=_time(fields["ended_at"]),
        expires_at=datetime.now(UTC) + timedelta(milliseconds=ttl) if ttl > 0 else None,
    )


def _call(data: bytes) -> tuple[str, dict[str, Any] | None]:
    """What a job calls. Data that is no JSON (a pickle, say) is never loaded: such a job has no name and no input."""
    try:
        if data[:1] == b"x":
            data = zlib.decompress(data)
        reference, _, _, arguments = json.loads(data)
        return str(reference), dict(arguments)
    except (ValueError, TypeError, zlib.error):
        return "unreadable", None


def _time(value: bytes | None) -> datetime | None:
    return datetime.strptime(value.decode(), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) if value else None
