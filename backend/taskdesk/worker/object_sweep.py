"""The process that removes the objects of jobs that are gone, with a bucket. It takes no part in anything else.

The supervisors sweep folders; a bucket that does not answer would hold up their heartbeats (and see s3_store.py).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from itertools import islice

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.artifacts import ArtifactStore
from taskdesk.jobs.errors import StoreUnavailable
from taskdesk.jobs.keys import SWEEP_OBJECTS_LOCK, job_key
from taskdesk.jobs.scripts import ALWAYS_RUN
from taskdesk.jobs.stores import open_store
from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.settings import WorkerSettings

ROUND_SECONDS = 600  # during which no worker looks at the bucket again
GRACE_SECONDS = 3600  # a younger file may belong to a request whose job is not in Redis yet
BATCH = 500
REDIS_SECONDS = 5.0
NICENESS = 10  # jobs come first

log = logging.getLogger("artifacts")


def sweep_objects(settings: WorkerSettings) -> None:
    """Sweep the bucket from time to time, until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    os.nice(NICENESS)
    redis, store = connect_with_timeout(settings.redis_url.get_secret_value(), REDIS_SECONDS), open_store(settings)
    while not stopped.is_set():
        try:
            for _ in sweep(redis, store):
                if stopped.is_set():
                    break
        except (RedisError, StoreUnavailable) as error:
            log.warning("the sweep of the bucket goes on later: %s", error)
        stopped.wait(ROUND_SECONDS / 10)


def sweep(redis: Redis, store: ArtifactStore, grace: float = GRACE_SECONDS) -> Iterator[int]:
    """Remove the files of jobs that are gone, unless another worker does it. Yield after each batch what it removed."""
    if not ALWAYS_RUN(redis, "SET", SWEEP_OBJECTS_LOCK, "1", "NX", "EX", ROUND_SECONDS):
        return
    old = (job_id for job_id, age in store.job_ids() if age > grace)
    while batch := list(islice(old, BATCH)):
        gone = _without_job(redis, batch)
        for job_id in gone:
            store.delete(job_id)
        redis.expire(SWEEP_OBJECTS_LOCK, ROUND_SECONDS)
        yield len(gone)


def _without_job(redis: Redis, job_ids: Sequence[str]) -> list[str]:
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.exists(job_key(job_id))
        return [job_id for job_id, there in zip(job_ids, pipeline.execute(), strict=True) if not there]
