"""Requeue what the child has prefetched during a job that turns out to be long (child/prefetch.py has the reason)."""

from __future__ import annotations

from redis import Redis

from taskdesk.worker.release import How, release_arguments
from taskdesk.worker.scripts import RELEASE
from taskdesk.worker.shared.activity import Activity, RunningJob
from taskdesk.worker.supervisor.job_control import JobControl

REVOKE_AFTER_SECONDS = 0.03  # then a job counts as long


class Revoker:
    """`revoke_if_long` and `revoke` raise RedisError."""

    def __init__(self, redis: Redis, worker_name: str, activity: Activity, control: JobControl):
        self._redis = redis
        self._worker_name = worker_name
        self._activity = activity
        self._control = control
        self._revoked = ""  # the execution whose prefetched job was requeued

    def revoke_if_long(self, running: RunningJob) -> None:
        if running.prefetches and running.seconds > REVOKE_AFTER_SECONDS and running.execution != self._revoked:
            self.revoke(running)

    def revoke(self, running: RunningJob) -> None:
        """Tell the child first: it must not begin a job that others may take."""
        is_told = self._activity.is_revoked(running.execution)
        if is_told or self._control.act_if_at_work(running, lambda: self._activity.revoke(running.execution)):
            RELEASE(self._redis, *release_arguments(self._worker_name, How.REQUEUED, "", running.execution))
            self._revoked = running.execution

    def revoke_again(self) -> None:
        """Let the next look revoke again: Redis may have heard of a prefetched job only after the first request."""
        self._revoked = ""
