"""Every key of Redis that Python names; lua/index.lua and the worker's tick.lua have some more.

RQ's own keys (`rq:job:<id>`, `rq:queue:<name>`, registries, results) keep RQ's names and meaning.
"""

from __future__ import annotations

import hashlib

JOBS = "taskdesk:jobs"  # sorted set: job id by sequence number, so newest first is a range from the end
EXPIRED = "taskdesk:expired"  # sorted set: ids of removed jobs by when they were found gone (Unix seconds)
LATEST_CATALOG = "taskdesk:catalog"  # string: hash of the catalog that was announced last
SWEEP_LOCK = "taskdesk:sweep"  # string: there while a worker keeps house
WORKERS = "taskdesk:workers"  # sorted set: worker by when it said last that it lives (Unix seconds, by Redis's clock)
PAUSED = "taskdesk:paused"  # set: names of the queues of which no job begins
PARENTS = "taskdesk:parents"  # set: ids of failed jobs whose dependents have to hear of it
RQ_WORKERS = "rq:workers"  # set: the keys of RQ's workers
BYTES = "taskdesk:bytes"  # hash: bytes that the jobs of an owner take, about: see lua/bytes.lua
WAKE = "taskdesk:wake"  # channel: ids of jobs that have news, with spaces between


LEASE = 30  # seconds of silence after which a worker counts as lost: see worker/lua/tick.lua


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


def index_key(queue: str, status: str) -> str:
    return f"taskdesk:jobs:{queue}:{status}"


def task_key(task: str) -> str:
    return f"taskdesk:task:{task}"


def tag_key(tag: str) -> str:
    return f"taskdesk:tag:{tag}"


def owner_key(owner: str) -> str:
    return f"taskdesk:owner:{owner}"


def foreign_key(queue: str) -> str:
    """Sorted set: the jobs that were handed back as their worker does not serve them."""
    return f"taskdesk:foreign:{queue}"


def idempotency_key(key: str, owner: str = "") -> str:
    """Of the key that a client gave: hashed, as it may be long."""
    text = f"{owner}\n{key}" if owner else key
    return f"taskdesk:once:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
