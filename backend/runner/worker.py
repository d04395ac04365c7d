"""The worker: RQ's Worker, with our catalogue as the list of what may run, our events, and JSON only.

RQ's own loop, forking, heartbeats and registries are kept as they are.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from jobkit.artifacts import FolderStore
from jobkit.catalog import announce
from jobkit.errors import AppError
from jobkit.events import KEPT_SECONDS, emit
from jobkit.jobs import ERROR, STATUSES
from runner.discovery import TaskRegistry
from runner.execution import Executor, remove_job_folder
from runner.retention import sweep
from runner.settings import WorkerSettings

log = logging.getLogger("worker")


class TaskJob(Job):
    """A job that is run by our executor.

    Names in Redis are never imported: neither the function's, nor those of callbacks, and no webhook is called.
    """

    run: Callable[[Job], Any]

    def _execute(self) -> Any:
        return self.run(self)

    success_callback = failure_callback = stopped_callback = property(lambda self: None)

    def send_webhooks(self, *args: Any, **kwargs: Any) -> None:
        pass


class TaskWorker(Worker):
    job_class = TaskJob

    def __init__(self, settings: WorkerSettings, registry: TaskRegistry, redis: Redis):
        super().__init__(
            list(settings.queues),
            connection=redis,
            serializer=JSONSerializer,
            default_result_ttl=settings.result_ttl,
            worker_ttl=60,
            maintenance_interval=30,
            job_monitoring_interval=10,
            log_job_description=False,
        )
        self._settings = settings
        self._catalog = registry.catalog
        self._store = FolderStore(settings.data_dir / "artifacts")
        self._executor = Executor(settings, registry, self.connection, self._store)
        self._error: dict[str, str] | None = None
        self._putting_back = False

    # What the worker tells the web

    def serialize(self) -> dict[str, Any]:
        return {**super().serialize(), "catalog": self._catalog.digest}

    def register_birth(self) -> None:
        announce(self.connection, self._catalog)
        super().register_birth()

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()
        announce(self.connection, self._catalog)
        try:
            sweep(self.connection, self._store, self._settings)
        except OSError as error:  # the data folder has a problem; jobs that need no file still run
            log.error("house-keeping failed: %s", error)

    # One job

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        super().prepare_job_execution(job, remove_from_intermediate_queue)
        self._tell(job, "started")

    def monitor_work_horse(self, job: Job, queue: Queue) -> None:
        super().monitor_work_horse(job, queue)
        remove_job_folder(job.id)

    def perform_job(self, job: Job, queue: Queue) -> bool:
        assert isinstance(job, TaskJob)  # the class that this worker gives to its queues
        job.run = self._executor.run
        return super().perform_job(job, queue)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        error = exc_info[1]
        self._error = _describe(error, job)
        log.warning("job %s failed: %s: %s", job.id, self._error["type"], self._error["detail"])

    def handle_job_success(self, job: Job, queue: Queue, started_job_registry: StartedJobRegistry) -> None:
        super().handle_job_success(job, queue, started_job_registry)
        self._tell(job, "finished")

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: StartedJobRegistry | None = None, exc_string: str = ""
    ) -> None:
        if self._putting_back:
            self._put_back(job, queue)
            return
        stopped = self._stopped_job_id == job.id
        error = self._error or {"type": "Stopped" if stopped else "WorkerLost", "title": "", "detail": exc_string}
        self.connection.hset(job.key, ERROR, json.dumps(error))
        super().handle_job_failure(job, queue, started_job_registry, _storable(exc_string))
        self._tell(job, job.get_status())

    def _tell(self, job: Job, rq_status: JobStatus | str) -> None:
        """Tell who watches; that nobody can be told is no reason to fail the job."""
        status = STATUSES[getattr(rq_status, "value", rq_status)]
        try:
            with self.connection.pipeline() as pipeline:
                emit(pipeline, job.id, "state", {"status": status}, ttl=KEPT_SECONDS + int(job.timeout or 0))
                pipeline.execute()
        except RedisError as error:
            log.warning("could not announce that job %s is %s: %s", job.id, status, error)

    # Stopping: a job that does not end within the grace time goes back to the head of its queue

    def request_stop(self, signum: Any, frame: Any) -> None:
        timer = threading.Timer(self._settings.stop_grace, self._interrupt)
        timer.daemon = True
        timer.start()
        super().request_stop(signum, frame)

    def _interrupt(self) -> None:
        if self.horse_pid:
            self._putting_back = True
            self.kill_horse()

    def _put_back(self, job: Job, queue: Queue) -> None:
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline=pipeline)
            job.set_status(JobStatus.QUEUED, pipeline=pipeline)
            queue.push_job_id(job.id, at_front=True, pipeline=pipeline)
            pipeline.execute()
        log.info("job %s goes back to the head of queue %s", job.id, queue.name)
        self._tell(job, "queued")


def _describe(error: Any, job: Job) -> dict[str, str]:
    """An error as the page shows it: its type, and a sentence."""
    if isinstance(error, JobTimeoutException):
        return {
            "type": "Timeout",
            "title": "Time limit",
            "detail": f"The job ran longer than its limit of {job.timeout} s.",
        }
    title = error.title if isinstance(error, AppError) else ""
    detail = _storable(str(error))[:10_000] or type(error).__name__
    return {"type": type(error).__name__, "title": title, "detail": detail}


def _storable(text: str) -> str:
    """The text without what UTF-8 can't hold (half of a surrogate pair)."""
    return text.encode("utf-8", "replace").decode()


def wait_for_redis(redis: Redis) -> None:
    """Return when Redis answers; until then say so every few seconds."""
    while True:
        try:
            redis.ping()
            return
        except RedisError as error:
            log.error("Redis does not answer (%s); trying again", error)
            time.sleep(2)


def work(settings: WorkerSettings, registry: TaskRegistry, redis: Redis) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    wait_for_redis(redis)
    TaskWorker(settings, registry, redis).work(with_scheduler=True, logging_level="WARNING")
