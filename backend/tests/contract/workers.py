"""Workers of both classes, RQ's own and ours, in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from redis import Redis
from rq import Worker
from rq.serializers import JSONSerializer

from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded

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
    TaskWorker(settings, preloaded(registry), redis).work(burst=burst)


def starter(
    run_worker: RunWorker, settings: WorkerSettings, registry: TaskRegistry
) -> Callable[[bool], AbstractContextManager[None]]:
    """Return what an RqStack starts its worker by."""

    def work(burst: bool) -> None:
        os.setpgrp()  # what a worker kills is its own group, never that of the tests
        with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
            run_worker(settings, registry, redis, burst)

    @contextmanager
    def start(burst: bool) -> Iterator[None]:
        process = FORK.Process(target=work, args=(burst,))
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

    return start
