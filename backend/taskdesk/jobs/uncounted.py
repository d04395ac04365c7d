"""Count failures that the step which ended the job did not count: RQ's own code or an older version has ended it.

RQ's own code leaves no error of ours, so the error is read from the traceback that it stores.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from redis import Redis

from taskdesk.jobs.damage import is_wrong_type, time_or_none
from taskdesk.jobs.fields import CAUSE, ERROR, RETRIED_AS
from taskdesk.jobs.keys import job_key
from taskdesk.jobs.scripts import COUNT_FAILURES
from taskdesk.jobs.status import Status
from taskdesk.jobs.stored_results import StoredResults
from taskdesk.jobs.tracebacks import error_of
from taskdesk.service import clock

PART = 200  # jobs of one script, which takes 5 ms
_LATE_SECONDS = 60  # a failure that is older counts at its time, and not now: it causes no alert


def count_failures(redis: Redis, job_ids: Sequence[str]) -> None:
    """Count those of these jobs that have failed, and were neither counted nor retried. Raises RedisError."""
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hmget(job_key(job_id), "status", CAUSE, RETRIED_AS)
        answers = pipeline.execute(raise_on_error=False)
    failed = [Status.FAILED.rq.encode(), None, None]
    left = [job_id for job_id, job in zip(job_ids, answers, strict=True) if not is_wrong_type(job) and job == failed]
    for start in range(0, len(left), PART):
        _count(redis, left[start : start + PART])


def _count(redis: Redis, job_ids: Sequence[str]) -> None:
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hmget(job_key(job_id), ERROR, "ended_at")
        jobs = pipeline.execute()
    results = StoredResults(redis)
    arguments: list[str | bytes | float] = []
    for job_id, (error, ended_at) in zip(job_ids, jobs, strict=True):
        shown = error or json.dumps(error_of(results.traceback(job_id)))
        arguments += [job_id, shown, _time_of(ended_at)]
    COUNT_FAILURES(redis, *arguments)


def _time_of(ended_at: bytes | None) -> float:
    ended, now = time_or_none(ended_at), clock.now()
    return ended.timestamp() if ended and now - ended.timestamp() > _LATE_SECONDS else now
