"""Every key of jobs, queues and workers in Redis, for Python and, by prelude.py, for the scripts.

RQ's own keys (`rq:job:<id>`, `rq:queue:<name>`, registries, results) keep RQ's names and meaning.
"""

from __future__ import annotations

import hashlib

JOBS = "taskdesk:jobs"  # sorted set: job ids by number, so newest first is a range from the end
SEQUENCE = "taskdesk:sequence"  # counter: the number of the job that was submitted last
INDEXES = "taskdesk:indexes"  # set: the keys of the indexes by task, tag and owner
EXPIRED = "taskdesk:expired"  # sorted set: ids of removed jobs by when they were found gone (Unix seconds)
BYTES = "taskdesk:bytes"  # hash: bytes that the jobs of an owner take, about (lua/bytes.lua)
LATEST_CATALOG = "taskdesk:catalog"  # string: hash of the catalog that was announced last
WORKERS = "taskdesk:workers"  # sorted set: workers by their last heartbeat (Unix seconds, by Redis's clock)
PAUSED = "taskdesk:paused"  # set: names of the queues that are paused
PARENTS = "taskdesk:parents"  # set: ids of failed jobs whose dependents have to hear of it
SWEEP_LOCK = "taskdesk:sweep"  # string: there while a worker removes what has expired
LAST_TAKEOVER = "taskdesk:sweep:last"  # string: when a worker last looked for lost workers (Unix seconds)
TAKEOVER_GRACE = "taskdesk:sweep:grace"  # string: there while workers may still send their first heartbeat
WAKE = "taskdesk:wake"  # channel: ids of jobs that have news, with spaces between
NOTHING = "taskdesk:nothing"  # never there: to make Redis look at its memory

RQ_QUEUES = "rq:queues"  # set: the keys of RQ's queues
RQ_WORKERS = "rq:workers"  # set: the keys of RQ's workers
RATE_LIMITS = "rq:rl-keys"  # set: the names of RQ's limits
RQ_SUSPENDED = "rq:suspended"  # string: there while `rq suspend` holds all workers
WIP = "wip"  # RQ's registry of the jobs that are running
READY = "ready"  # RQ's registry of the jobs whose dependencies are met and that have not been queued yet

LEASE_SECONDS = 30  # without a heartbeat, after which a worker counts as lost


def job_key(job_id: str) -> str:
    """Hash: see job_hash.py."""
    return f"rq:job:{job_id}"


def dependents_key(job_id: str) -> str:
    """Set: ids of the jobs that wait for this one."""
    return f"rq:job:{job_id}:dependents"


def dependencies_key(job_id: str) -> str:
    """Set: ids of the jobs that this one waits for."""
    return f"rq:job::{job_id}:dependencies"


def results_key(job_id: str) -> str:
    return f"rq:results:{job_id}"


def executions_key(job_id: str) -> str:
    """Sorted set: the executions of a running job by when RQ forgets them."""
    return f"rq:executions:{job_id}"


def execution_key(job_id: str, execution: str) -> str:
    return f"rq:execution:{job_id}:{execution}"


def events_key(job_id: str) -> str:
    return f"taskdesk:events:{job_id}"


def log_key(job_id: str) -> str:
    return f"taskdesk:log:{job_id}"


def queue_key(queue: str) -> str:
    """List: ids of the jobs that wait."""
    return f"rq:queue:{queue}"


def registry_key(registry: str, queue: str) -> str:
    """Sorted set by Unix seconds: job ids of `scheduled` by when they are due, of `finished` and `failed` by when they
    expire, of `canceled` by their end, of `deferred`; of `wip` job and execution, by when their worker counts as lost.
    """
    return f"rq:{registry}:{queue}"


def limit_key(limit: str) -> str:
    """Hash: `concurrency`, how many jobs of RQ's limit may be queued or running at the same time."""
    return f"rq:rl:{limit}"


def slots_key(limit: str) -> str:
    """Sorted set: ids of the jobs that are queued or running, by when they were queued (Unix seconds)."""
    return f"rq:rl:{limit}:allowed"


def slot_waiters_key(limit: str) -> str:
    """Sorted set: ids of the jobs that wait for a slot, by when they began to wait (Unix seconds)."""
    return f"rq:rl:{limit}:rate_limited"


def scheduler_lock_key(queue: str) -> str:
    """String: the worker whose scheduler serves the queue."""
    return f"rq:scheduler-lock:{queue}"


def queue_workers_key(queue: str) -> str:
    """Set: the keys of RQ's workers that serve the queue."""
    return f"rq:workers:{queue}"


def ended_key(queue: str) -> str:
    """Hash: how many jobs ended in each minute of the last hour (throughput.py)."""
    return f"taskdesk:ended:{queue}"


def foreign_key(queue: str) -> str:
    """Sorted set: the jobs that were handed back because their worker does not serve them (lua/index.lua)."""
    return f"taskdesk:foreign:{queue}"


def worker_key(name: str) -> str:
    return f"rq:worker:{name}"


def worker_executions_key(worker: str) -> str:
    """Set: "<job>:<execution>" of what the worker is running, since RQ 3."""
    return f"rq:worker:{worker}:executions"


def commands_key(worker: str) -> str:
    """Channel: RQ's commands to a worker."""
    return f"rq:pubsub:{worker}"


def catalog_key(digest: str) -> str:
    return f"taskdesk:catalog:{digest}"


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


def idempotency_key(key: str, owner: str = "") -> str:
    """Return where a client's idempotency key is kept: hashed, as it may be long."""
    text = f"{owner}\n{key}" if owner else key
    return f"taskdesk:once:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
