"""A job's checkpoint in Redis, in the hash of the job. So it lives as long as the job."""

from __future__ import annotations

import json
from contextlib import suppress

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.checkpoints import Place
from taskdesk.jobs.fields import CHECKPOINT
from taskdesk.jobs.keys import job_key
from taskdesk.service.redis_errors import is_out_of_memory
from taskdesk.worker.scripts import KEEP_CHECKPOINT, SHOW_RESUMED
from taskdesk.worker.shared.checkpoint_memory import KeptCheckpoint


def keep(redis: Redis, job_id: str, kept: KeptCheckpoint) -> bool:
    """Store the checkpoint, unless the execution is no longer the job's own. Return False if Redis is full.

    Raises RedisError.
    """
    try:
        KEEP_CHECKPOINT(redis, job_id, kept.execution, kept.number, kept.record)
    except ResponseError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def forget(redis: Redis, job_id: str) -> None:
    """Remove the checkpoint of a job that has succeeded. Raises RedisError."""
    KEEP_CHECKPOINT(redis, job_id)


def load(redis: Redis, job_id: str) -> bytes | None:
    """Return the record that the last attempt has kept, but none of the repetition before. Raises RedisError.

    A stock worker that ends a repetition of RQ's leaves the record, and `repeats_left` is one less then.
    """
    stored, repeats_left = redis.hmget(job_key(job_id), CHECKPOINT, "repeats_left")
    with suppress(ValueError):  # others may have damaged it
        _, _, its_repeats_left, record = (stored or b"").split(b" ", 3)
        return record if its_repeats_left == (repeats_left or b"") else None
    return None


def show_resumed(redis: Redis, job_id: str, execution: str, place: Place) -> None:
    """Raises RedisError."""
    SHOW_RESUMED(redis, job_id, execution, json.dumps(place))
