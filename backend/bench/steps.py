"""Steps of a job that a benchmark takes in place of a worker."""

from __future__ import annotations

import json

from redis import Redis

from taskdesk.jobs.events import Progress, emit
from taskdesk.jobs.fields import PROGRESS
from taskdesk.jobs.keys import job_key


def report_progress(redis: Redis, job_id: str, current: int, total: int) -> None:
    """Tell Redis and those who watch the job how far it is, as the worker's reporter does."""
    with redis.pipeline() as pipeline:
        pipeline.hset(job_key(job_id), PROGRESS, json.dumps([current, total, "a step"]))
        emit(pipeline, job_id, "progress", Progress(current, total, "a step").as_dict())
        pipeline.execute()
