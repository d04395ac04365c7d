"""Predict how busy one Redis is under a load, and how much memory the jobs take, from what each step costs it.

Redis runs all commands in one thread. So its time is the limit of a desk, and adds up: the time of each step, times how
often it happens in a second.
"""

from __future__ import annotations

from dataclasses import dataclass

SPLIT_AT = 0.7  # of Redis's one core: above, answers take a multiple of their time, and a peak has no room
DAY_SECONDS = 86_400
MB = 1_000_000


@dataclass(frozen=True)
class Costs:
    """What a step takes of Redis's one thread, in µs, and what a job takes of its memory, in bytes."""

    submit: float  # of one job by itself
    submit_in_batch: float  # of one job of a call with many
    run: float  # to reserve a job and to end it
    event: float  # one report of progress, ten a second at most for each job
    watch: float  # to read one such report, for each web process with people who watch the job
    worker_second: float  # a worker process for a second, with its heartbeats, whether it has a job or not
    waiting_bytes: float  # a job that waits
    finished_bytes: float  # a job that has finished, with a small result


@dataclass(frozen=True)
class Load:
    """Jobs per second and what each of them does. `batch`: they are submitted many at a time."""

    jobs_per_second: float
    job_seconds: float = 0.0
    events_per_job: float = 0.0
    watching_web_processes: float = 0.0
    workers: float = 0.0  # 0: as many as the jobs need
    batch: bool = False
    keep_days: float = 7.0
    result_bytes: float = 0.0
    waiting: float = 0.0  # jobs at the worst time


@dataclass(frozen=True)
class Prediction:
    """`redis_share`: of one core. `most_jobs_per_second`: with which Redis is at SPLIT_AT."""

    redis_share: float
    most_jobs_per_second: float
    workers: float
    memory_bytes: float

    @property
    def has_to_split(self) -> bool:
        return self.redis_share > SPLIT_AT


def predict(costs: Costs, load: Load) -> Prediction:
    per_job = (costs.submit_in_batch if load.batch else costs.submit) + costs.run
    per_job += load.events_per_job * (costs.event + load.watching_web_processes * costs.watch)
    if not load.workers:
        per_job += load.job_seconds * costs.worker_second
    fixed = load.workers * costs.worker_second / 1e6
    finished = load.jobs_per_second * DAY_SECONDS * load.keep_days
    return Prediction(
        redis_share=fixed + load.jobs_per_second * per_job / 1e6,
        most_jobs_per_second=max(0.0, SPLIT_AT - fixed) * 1e6 / per_job,
        workers=load.workers or load.jobs_per_second * load.job_seconds,
        memory_bytes=finished * (costs.finished_bytes + load.result_bytes) + load.waiting * costs.waiting_bytes,
    )
