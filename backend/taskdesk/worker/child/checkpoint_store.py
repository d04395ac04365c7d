"""Where a running job keeps its checkpoints: in memory, from which the supervisor sends them to Redis."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.checkpoints import CheckpointStore, Place
from taskdesk.service.redis_errors import is_passing
from taskdesk.worker.checkpoint_fields import forget, keep, load, show_resumed
from taskdesk.worker.child.reservation import ReservedJob
from taskdesk.worker.redis_retry import retry_until_redis_answers
from taskdesk.worker.shared.memory import SharedMemory


class Checkpointing:
    """The checkpoints of all jobs of this process, and of none that a job starts."""

    def __init__(self, redis: Redis, shared: SharedMemory):
        self._pid = os.getpid()
        self._redis = redis
        self._shared = shared
        self._users: set[str] = set()  # ids of jobs that have opened a store and have not succeeded

    def open(self, job_id: str) -> CheckpointStore:
        """Return the store of the job that runs now. A job that never calls this pays nothing."""
        execution = self._shared.activity.execution_of(job_id)
        if not execution:
            return CheckpointStore()
        self._users.add(job_id)
        return RunningJobStore(self._redis, self._shared, job_id, execution, pid=self._pid)

    def flush(self, job: ReservedJob) -> None:
        """Store the last checkpoint of a job that has failed: once its execution has ended, none is taken any more."""
        if kept := self._shared.checkpoints.read(job.execution):
            step = partial(keep, self._redis, job.id, kept)
            show_life = self._shared.activity.show_life
            retry_until_redis_answers(step, self._redis, is_passing=is_passing, on_attempt=show_life)

    def forget(self, job: ReservedJob) -> None:
        """Remove the checkpoint of a job that has succeeded, if it may have one. It is only memory, so try once."""
        if self._users and job.id in self._users:
            self._users.remove(job.id)
            with suppress(RedisError, OSError):
                forget(self._redis, job.id)


class RunningJobStore(CheckpointStore):
    def __init__(self, redis: Redis, shared: SharedMemory, job_id: str, execution: str, *, pid: int):
        self._redis = redis
        self._activity, self._memory = shared.activity, shared.checkpoints
        self._job_id = job_id
        self._execution = execution
        self._pid = pid

    def load(self) -> bytes | None:
        """Wait for Redis as long as the job may run: without its record, it would begin anew."""
        step = partial(load, self._redis, self._job_id)
        return retry_until_redis_answers(step, self._redis, is_passing=is_passing)

    def save(self, record: bytes) -> None:
        """Do nothing for a thread that has outlived its job."""
        if os.getpid() != self._pid:
            raise RuntimeError(
                "A checkpoint can't be kept in a process that the job has started, which does not know what the others "
                "have done. Keep it in the process of the job."
            )
        if self._activity.is_at_work_on(self._execution):
            self._memory.write(self._execution, record)

    def tell(self, place: Place) -> None:
        with suppress(RedisError, OSError):  # it is only shown
            show_resumed(self._redis, self._job_id, self._execution, place)
