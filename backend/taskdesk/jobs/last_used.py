"""The newest job of each task, from the index of the task's jobs: one entry per task, however many jobs it has."""

from __future__ import annotations

from collections.abc import Iterable

from redis import Redis

from taskdesk.jobs.job import Job
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import task_key


def newest_jobs(redis: Redis, jobs: Jobs, tasks: Iterable[str]) -> dict[str, Job]:
    """Return the newest job of each of these tasks (by name), the newest of all first. A task without jobs has none."""
    names = list(tasks)
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.zrevrange(task_key(name), 0, 0, withscores=True)
        answers = zip(names, pipeline.execute(), strict=True)
    found = [(number, job_id.decode(), name) for name, answer in answers for job_id, number in answer]
    loaded = {job.id: job for job in jobs.load(job_id for _, job_id, _ in found)}
    return {name: loaded[job_id] for _, job_id, name in sorted(found, reverse=True) if job_id in loaded}
