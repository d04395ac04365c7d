"""Connections to Redis, and every key of ours that Python names; lua/index.lua and lua/tick.lua have some more.

RQ's own keys (`rq:job:<id>`, `rq:queue:<name>`, registries, results) keep RQ's names and meaning.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry

from jobkit.connection import SharingRedis

JOBS = "taskdesk:jobs"  # sorted set: job id by sequence number, so newest first is a range from the end
EXPIRED = "taskdesk:expired"  # sorted set: ids of removed jobs by when they were found gone (Unix seconds)
LATEST_CATALOG = "taskdesk:catalog"  # string: hash of the catalogue that was announced last
SWEEP_LOCK = "taskdesk:sweep"  # string: there while a worker keeps house
WORKERS = "taskdesk:workers"  # sorted set: worker by when it said last that it lives (Unix seconds, by Redis's clock)
PAUSED = "taskdesk:paused"  # set: names of the queues of which no job begins
PARENTS = "taskdesk:parents"  # set: ids of failed jobs whose dependents have to hear of it
USERS = "taskdesk:users"  # hash: JSON of a user by name
TOKENS = "taskdesk:tokens"  # hash: JSON of an API token by the SHA-256 of its text
RQ_WORKERS = "rq:workers"  # set: the keys of RQ's workers
BYTES = "taskdesk:bytes"  # hash: bytes that the jobs of an owner take, about: see lua/bytes.lua
WAKE = "taskdesk:wake"  # channel: ids of jobs that have news, with spaces between


LEASE = 30  # seconds of silence after which a worker counts as lost: see runner/lua/tick.lua


def job_key(job_id: str) -> str:
    return f"rq:job:{job_id}"


def queue_key(queue: str) -> str:
    """List: ids of the jobs that wait."""
    return f"rq:queue:{queue}"


def registry_key(registry: str, queue: str) -> str:
    """Sorted set by Unix seconds: job ids of `scheduled` by when they are due, of `finished` and `failed` by when they
    expire, of `canceled` by their end, of `deferred`; of `wip` job and execution, by when their worker counts as lost.
    """
    return f"rq:{registry}:{queue}"


def results_key(job_id: str) -> str:
    return f"rq:results:{job_id}"


def worker_key(name: str) -> str:
    return f"rq:worker:{name}"


def catalog_key(digest: str) -> str:
    return f"taskdesk:catalog:{digest}"


def events_key(job_id: str) -> str:
    return f"taskdesk:events:{job_id}"


def log_key(job_id: str) -> str:
    return f"taskdesk:log:{job_id}"


def statistics_key(task: str) -> str:
    return f"taskdesk:statistics:{task}"


def run_times_key(task: str) -> str:
    return f"taskdesk:run-times:{task}"


def outcomes_key(task: str) -> str:
    return f"taskdesk:outcomes:{task}"


# Of the index of jobs, which lua/index.lua describes and writes.


def index_key(queue: str, status: str) -> str:
    return f"taskdesk:jobs:{queue}:{status}"


def task_key(task: str) -> str:
    return f"taskdesk:task:{task}"


def tag_key(tag: str) -> str:
    return f"taskdesk:tag:{tag}"


def owner_key(owner: str) -> str:
    return f"taskdesk:owner:{owner}"


FOREIGN = "td_foreign"  # field of the hash of a job that was handed back: JSON; runner/lua/endings.lua writes it


def foreign_key(queue: str) -> str:
    """Sorted set: the jobs that were handed back as their worker does not serve them."""
    return f"taskdesk:foreign:{queue}"


def idempotency_key(key: str, owner: str = "") -> str:
    """Of the key that a client gave: hashed, as it may be long."""
    text = f"{owner}\n{key}" if owner else key
    return f"taskdesk:once:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


# Of its memory.

JOBS_SHARE = 0.8  # of it that submits may fill; the rest is for what jobs that are accepted still need


@dataclass(frozen=True)
class Memory:
    """What Redis's data take, and may take, in bytes. `limit` is 0 if there is none."""

    used: int
    limit: int

    @property
    def is_short(self) -> bool:
        """Whether submits are refused: lua/submit.lua."""
        return 0 < self.limit * JOBS_SHARE < self.used

    @classmethod
    def of(cls, info: dict[str, Any]) -> Memory:
        """`info` is what Redis says of its memory (INFO)."""
        return cls(info["used_memory"] - info.get("mem_not_counted_for_evict", 0), info.get("maxmemory", 0))


# Connections. An idle one is watched by the kernel's keep-alive, which redis-py asks for, and not by its own PINGs.

_COMMON: dict[str, Any] = {
    "protocol": 2,  # with 3, redis-py would ask for notices of maintenance, and push messages could come at any time
    # A connection that Redis closed is opened again, once.
    "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError, ConnectionResetError, BrokenPipeError)),
}


def connect_briefly(url: str) -> Redis:
    """For the web: no answer within a second is an answer, too.

    The pool is bounded and waits: 32 requests at a time is more than one gevent process needs, and a burst
    can't use up Redis's clients.
    """
    pool = BlockingConnectionPool.from_url(
        url, max_connections=32, timeout=0.9, socket_connect_timeout=0.4, socket_timeout=0.8, **_COMMON
    )
    return SharingRedis(connection_pool=pool)


def connect_impatiently(url: str, timeout: float) -> Redis:
    """For a worker, which knows itself how to wait: no answer within `timeout` seconds is an error."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **_COMMON)
