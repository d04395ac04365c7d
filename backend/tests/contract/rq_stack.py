"""Plain RQ in front of a real Redis, and a worker of one class behind it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import wait_until

RunWorker = Callable[[WorkerSettings, TaskRegistry, Redis, bool], None]

# A worker needs its own process, because it takes the signals of its process and the alarm that limits a test. The
# process is forked, so that the sample tasks are not imported again.
FORK = multiprocessing.get_context("fork")


def run_stock_worker(settings: WorkerSettings, registry: TaskRegistry, redis: Redis, burst: bool) -> None:
    """Run RQ's own worker, which keeps results as long as ours. A burst first queues scheduled jobs that are due."""
    queues = list(settings.queues)
    worker = Worker(queues, connection=redis, serializer=JSONSerializer, default_result_ttl=settings.result_ttl)
    worker.unsubscribe = lambda: None  # at its end, one time in six, RQ waits a second for a thread there
    worker.work(burst=burst, with_scheduler=burst, logging_level="WARNING")


def run_our_worker(settings: WorkerSettings, registry: TaskRegistry, redis: Redis, burst: bool) -> None:
    TaskWorker(settings, registry, redis).work(burst=burst)


class RqStack:
    """Queues of plain RQ on a real Redis, and a worker class that runs their jobs."""

    def __init__(
        self, run_worker: RunWorker, settings: WorkerSettings, registry: TaskRegistry, redis: Redis, folder: Path
    ):
        self.redis = redis
        self.folder = folder
        self.queue = self.queue_named("default")
        self._run_worker = run_worker
        self._settings = settings
        self._registry = registry

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

    @contextmanager
    def worker(self, *, burst: bool = True) -> Iterator[None]:
        """Run a worker beside the block. At the end of the block, wait for a burst, or stop the worker."""
        process = FORK.Process(target=self._work, args=(burst,))
        process.start()
        try:
            yield
            if not burst:
                process.terminate()
            process.join(timeout=60)
            assert process.exitcode == 0
        finally:
            process.kill()
            process.join()

    def _work(self, burst: bool) -> None:
        os.setpgrp()  # a worker kills its process group, which must not be that of the tests
        with Redis.from_url(self._settings.redis_url.get_secret_value()) as redis:
            self._run_worker(self._settings, self._registry, redis, burst)
