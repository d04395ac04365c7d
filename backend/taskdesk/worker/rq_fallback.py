"""End a job by RQ's own code: one that others wait for, that repeats, or that keeps no result. Scripts can not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import utcformat
from rq.worker import BaseWorker

from taskdesk.jobs.fields import CHECKPOINT, FOREIGN, RESULT_KINDS, RESULT_PREVIEW, RESULT_STAMP, RESUMED, STOP
from taskdesk.jobs.job_hash import stamp_text
from taskdesk.jobs.keys import JOBS, PARENTS, WAKE, events_key, log_key, registry_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import EXPIRE, FIND_ENDED, FREE_SLOT, REINDEX
from taskdesk.service import clock
from taskdesk.worker.release import How, release_arguments
from taskdesk.worker.scripts import COUNT_SUCCESS, ENQUEUE_READY, RELEASE
from taskdesk.worker.settings import WorkerSettings

SLICE_DEPENDENTS = 500  # moved in one transaction, which takes about 0.3 s
READY_BATCH = 100  # jobs that one script queues


class _Executions(ExecutionRegistry):
    """As RQ's, without executions whose hash has expired, as of a frozen worker: RQ can't delete a job with one."""

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:
        found = []
        for execution_id in self.get_execution_ids(start, end):
            with suppress(ValueError):
                found.append(Execution.fetch(execution_id, self.job_id, self.connection))
        return found


class TaskJob(Job):
    """A job whose callbacks are never imported and whose webhooks are never called: names in Redis are only data."""

    success_callback = failure_callback = stopped_callback = property(lambda self: None)

    has_rate_limit = property(lambda self: False)  # our scripts free its slot, in the transaction that ends the job

    @property
    def execution_registry(self) -> ExecutionRegistry:
        return _Executions(self.id, connection=self.connection)

    def send_webhooks(self, *args: Any, **kwargs: Any) -> None:
        pass


class NotOurs(Exception):
    """Not ours: the job was given to another execution, or somebody ended it."""


class Stopped(Exception):
    """Stopped: the job was asked to stop before Redis heard of its success, so it does not count as one."""


def _only(wanted: Set[str]) -> type[TaskJob]:
    """Return a class that fetches these jobs only: RQ moves all dependents that it can fetch, in one transaction."""

    class SliceJob(TaskJob):
        @classmethod
        def fetch_many(cls, job_ids: Iterable[str], connection: Redis, serializer: Any = None) -> list[Job | None]:
            return super().fetch_many(set(job_ids) & wanted, connection, serializer)

    return SliceJob


class _Queue(Queue):
    """The queue of a job that ends."""

    job_class = TaskJob
    check: Callable[[Pipeline], None] = staticmethod(lambda pipeline: None)

    def move_dependents_to_ready(
        self,
        job: Job,
        pipeline: Pipeline | None = None,
        exclude_job_id: str | None = None,
        refresh_job_status: bool = True,
    ) -> dict[str, list[str]]:
        """Check first that the job is still ours: RQ calls this within the transaction that ends the job."""
        if pipeline is not None:
            self.check(pipeline)
        return super().move_dependents_to_ready(job, pipeline, exclude_job_id, refresh_job_status)

    def enqueue_ready_jobs_by_queue(self, job_ids_by_queue_name: dict[str, list[str]]) -> None:
        """Queue them a hundred in one step, by Redis's clock and indexed. RQ needs a transaction for each job."""
        for queue, job_ids in job_ids_by_queue_name.items():
            for start in range(0, len(job_ids), READY_BATCH):
                ENQUEUE_READY(self.connection, now_text(), queue, *job_ids[start : start + READY_BATCH])


class _Worker(BaseWorker):
    connection_timeout = 1  # seconds, at least; RQ would wait as long as a worker may be idle
    fields: Mapping[str, str | bytes] = {}  # ours, about the result

    def cleanup_execution(self, job: Job, pipeline: Pipeline, execution: Execution | None = None) -> None:
        """Do what RQ's method does, except for the worker's record, which our scripts keep, and add what is ours.

        RQ calls this within the transaction that ends the job. If its answer is lost, nobody could add anything later.
        """
        # What repeats is scheduled, and not handed back, and begins anew.
        pipeline.hdel(job.key, FOREIGN, CHECKPOINT, RESUMED)
        pipeline.eval(COUNT_SUCCESS.source, 0, job.origin)
        pipeline.eval(REINDEX.source, 0, job.origin, job.id)
        pipeline.publish(WAKE, job.id)
        if execution:
            execution.delete(job=job, pipeline=pipeline)
        if job.rate_limit_key:
            pipeline.eval(FREE_SLOT.source, 0, job.id, job.rate_limit_key, now_text())
        result_ttl = job.get_result_ttl(self.default_result_ttl)
        if result_ttl != 0:
            pipeline.hset(job.key, mapping=self.fields)
        status = job.get_status(refresh=False)
        if status == JobStatus.FINISHED and result_ttl == 0:  # RQ deletes the job
            pipeline.delete(log_key(job.id), events_key(job.id))
            pipeline.zrem(JOBS, job.id)
        elif status == JobStatus.FINISHED:
            pipeline.eval(EXPIRE.source, 0, job.id, result_ttl)
            pipeline.eval(FIND_ENDED.source, 0, job.id)
        elif status == JobStatus.QUEUED:  # it repeats at once
            pipeline.hset(job.key, "enqueued_at", now_text())
        ahead = round(time.time() - clock.now())
        if ahead:  # RQ has said by this machine's clock when the job expires, or runs again
            for kind in ("finished", "scheduled"):
                pipeline.zadd(registry_key(kind, job.origin), {job.id: -ahead}, xx=True, incr=True)


class RQFallback:
    def __init__(self, redis: Redis, worker_name: str, settings: WorkerSettings):
        self._redis = redis
        self._worker = _Worker(
            list(settings.queues),
            name=worker_name,
            connection=redis,
            serializer=JSONSerializer,
            job_class=TaskJob,
            default_result_ttl=settings.result_ttl,
            prepare_for_work=False,
            log_job_description=False,
        )

    def succeed(
        self, job_id: str, execution_id: str, content: bytes, kinds: str, preview: bytes, began: float, ended: float
    ) -> None:
        """End the job as RQ does, unless the execution is no longer its own.

        Raises Stopped if the job was asked to stop; then nothing has changed.
        """
        execution = Execution(execution_id, job_id, self._redis, self._worker.name)
        try:
            job = TaskJob.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
        except NoSuchJobError:
            return self._leave(execution)
        execution.created_at = datetime.fromtimestamp(began, UTC)
        job.ended_at = datetime.fromtimestamp(ended, UTC)
        job.started_at = job.started_at or execution.created_at
        job.last_heartbeat = job.ended_at
        job._result = json.loads(content)

        def check(pipeline: Pipeline) -> None:
            pipeline.watch(job.key)
            mine = pipeline.zscore(job.started_job_registry.key, execution.composite_key) is not None
            status, stop = pipeline.hmget(job.key, "status", STOP)
            if not mine or status != b"started":
                raise NotOurs
            if stop:
                raise Stopped

        queue = _Queue(job.origin, connection=self._redis, serializer=JSONSerializer)
        queue.check = check
        self._worker.fields = {RESULT_KINDS: kinds}
        if preview:
            stamp = stamp_text(content, utcformat(job.ended_at))
            self._worker.fields |= {RESULT_STAMP: stamp, RESULT_PREVIEW: preview}
        try:
            self._worker.handle_job_success(job, queue, job.started_job_registry, execution)
        except NotOurs:
            self._leave(execution)

    def _leave(self, execution: Execution) -> None:
        """RQ's tools cancel and delete a running job, but leave its execution, and with it the slot of its limit."""
        RELEASE(self._redis, *release_arguments(self._worker.name, How.STOPPED, execution.job_id, execution.id))

    def enqueue_dependents(self, job_id: str) -> None:
        """Queue the jobs that waited for the end of this one."""
        for _ in self.enqueue_dependents_in_slices(job_id):
            pass

    def enqueue_dependents_in_slices(self, job_id: str) -> Iterator[None]:
        """Queue the jobs that waited for the end of this one, some at each step."""
        with suppress(NoSuchJobError):
            job = TaskJob.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
            waiting = [dependent.decode() for dependent in self._redis.smembers(job.dependents_key)]
            for start in range(0, len(waiting), SLICE_DEPENDENTS):
                queue = _Queue(job.origin, connection=self._redis, serializer=JSONSerializer)
                queue.job_class = _only(set(waiting[start : start + SLICE_DEPENDENTS]))
                queue.enqueue_dependents(job)
                yield
        self._redis.srem(PARENTS, job_id)
