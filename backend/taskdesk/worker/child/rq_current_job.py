"""`rq.get_current_job()` in a task, for teams that bring tasks that were written for RQ."""

from __future__ import annotations

from redis import Redis
from rq import job as rq_job
from rq.job import Job
from rq.serializers import JSONSerializer
from werkzeug.local import LocalProxy

from taskdesk.jobs.task import JobContext, current_job
from taskdesk.worker.rq_fallback import TaskJob


def offer_current_job(redis: Redis) -> None:
    """Let `rq.get_current_job()` return the running job. It costs a job nothing: Redis is asked at the first use."""
    rq_job._current_job.set(LocalProxy(_CurrentJob(redis)))  # type: ignore[arg-type]


class _CurrentJob:
    """Returns the job of the attempt that runs, as Redis had it when the task first asked."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._attempt: JobContext | None = None
        self._job: Job | None = None

    def __call__(self) -> Job | None:
        attempt = current_job()
        if attempt is not self._attempt:
            self._job = TaskJob.fetch(attempt.job_id, connection=self._redis, serializer=JSONSerializer)
            self._attempt = attempt
        return self._job
