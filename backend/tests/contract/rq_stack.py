"""Plain RQ in front of a real Redis. This module imports nothing of ours, so RQ 2 can also play the scenarios."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from tests.waiting import wait_until


class RqStack:
    """Queues of plain RQ on a real Redis, and a worker that runs their jobs."""

    def __init__(self, redis: Redis, folder: Path, start_worker: Callable[[bool], AbstractContextManager[None]]):
        """`start_worker`: starts a worker, told whether to end when the queues are empty, and ends it at last."""
        self.redis = redis
        self.folder = folder
        self.queue = self.queue_named("default")
        self._start_worker = start_worker

    def queue_named(self, name: str) -> Queue:
        return Queue(name, connection=self.redis, serializer=JSONSerializer)

    def job(self, job_id: str) -> Job:
        return Job.fetch(job_id, connection=self.redis, serializer=JSONSerializer)

    def wait_for(self, job_id: str, status: str) -> Job:
        wait_until(lambda: self.job(job_id).get_status().value == status, what=f"job {job_id} is {status}")
        return self.job(job_id)

    def run_worker(self) -> None:
        """Let a worker run all jobs that are due."""
        with self.worker():
            pass

    def worker(self, *, burst: bool = True) -> AbstractContextManager[None]:
        """Run a worker beside the block. At the end of the block, wait for a burst, or stop the worker."""
        return self._start_worker(burst)
