"""End the jobs that have succeeded and that their child can't end: it has died, or it runs a long job."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.service.logs import job_fields
from taskdesk.worker.failure import STOPPED, Failure
from taskdesk.worker.release import How, release_arguments
from taskdesk.worker.rq_fallback import RQFallback, Stopped
from taskdesk.worker.scripts import RELEASE, REPORT
from taskdesk.worker.success import Success

log = logging.getLogger("worker")


class SuccessReporter:
    """Its methods raise RedisError; they may be called again."""

    def __init__(self, redis: Redis, worker_name: str, rq_fallback: RQFallback):
        self._redis = redis
        self._worker_name = worker_name
        self._rq_fallback = rq_fallback

    def report(self) -> None:
        """End the jobs in the journal of this worker (lua/journal.lua)."""
        self.end_as_rq(REPORT(self._redis, self._worker_name))

    def end_as_rq(self, values: Sequence[bytes]) -> None:
        """End the jobs that the script could not end: others wait for them, or a user has stopped them."""
        for success in Success.all_of(values):
            self._end_as_rq(success)

    def _end_as_rq(self, success: Success) -> None:
        job, times = (success.job_id, success.execution), (success.began, success.ended)
        try:
            self._rq_fallback.succeed(*job, success.content, success.kinds, success.preview, *times)
        except Stopped:
            self._release(success, How.STOPPED, STOPPED)
        except RedisError:
            raise
        except Exception as error:  # in RQ's code, of a damaged job that waits for this one
            log.exception("job %s can't be ended as RQ does", success.job_id, extra=_fields(success))
            self._release(success, How.FAILED, Failure.of(error, 0))

    def _release(self, success: Success, how: How, failure: Failure) -> None:
        times = success.began, success.ended, round(success.ended - success.began, 6)
        job = success.job_id, success.execution
        RELEASE(self._redis, *release_arguments(self._worker_name, how, *job, failure, times=times))


def _fields(success: Success) -> dict[str, dict[str, str]]:
    return {"fields": job_fields(success.job_id, "")}
