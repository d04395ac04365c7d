"""Tell Redis how a job has ended: by success, by failure, by hand-back to another worker, or by RQ's own code."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from redis import Redis

from taskdesk.jobs.losses import log_text
from taskdesk.jobs.status import Status
from taskdesk.service.errors import AppError
from taskdesk.service.redis_errors import is_passing
from taskdesk.worker.answers import Previous
from taskdesk.worker.child.attempt_counter import AttemptCounter
from taskdesk.worker.child.callbacks import Callbacks
from taskdesk.worker.child.checkpoint_store import Checkpointing
from taskdesk.worker.child.hand_back import HandBack
from taskdesk.worker.child.reservation import EndedJob, Reservation, Reserver
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.failure import STOPPED, Failure
from taskdesk.worker.redis_retry import retry_until_redis_answers
from taskdesk.worker.release import How, Released, release_arguments
from taskdesk.worker.rq_fallback import RQFallback, Stopped
from taskdesk.worker.scripts import RELEASE
from taskdesk.worker.shared.memory import SharedMemory

RQ_STOPPED = "stopped"
DEPENDENTS_SECONDS = 600.0  # that RQ's own code may take to queue very many dependents

_Answer = TypeVar("_Answer")

log = logging.getLogger("worker")


class Completion:
    def __init__(
        self,
        redis: Redis,
        connection: ScriptConnection,
        reserver: Reserver,
        shared: SharedMemory,
        *,
        worker_name: str,
        rq_fallback: RQFallback,
        hand_back: HandBack,
        checkpointing: Checkpointing,
        callbacks: Callbacks,
        counter: AttemptCounter,
    ):
        self._redis = redis
        self._connection = connection
        self._reserver = reserver
        self._activity = shared.activity
        self._meters = shared.meters
        self._worker_name = worker_name
        self._rq_fallback = rq_fallback
        self._hand_back_arguments = hand_back.arguments
        self._checkpointing = checkpointing
        self._callbacks = callbacks
        self._counter = counter

    def complete(self, ended: EndedJob) -> Reservation:
        """End the job; return what was reserved after it."""
        if ended.failure:
            self._end_unsuccessful(ended, ended.failure)
        elif ended.job.is_plain:
            reservation = self._reserver.reserve(ended)
            if self.confirm(ended, reservation):
                return reservation
        else:
            self._succeed_as_rq(ended)
        return self._reserver.reserve()

    def confirm(self, ended: EndedJob, reservation: Reservation) -> bool:
        """See to the rest of a success that cycle.lua was told of. False if RQ's own code had to end the job."""
        if reservation.previous == Previous.NEEDS_RQ:
            self._succeed_as_rq(ended)
            return False
        if reservation.previous == Previous.NOT_OURS:
            extra = {"fields": ended.job.log_fields}
            log.warning("job %s was taken away while it ran: its result is not kept", ended.job.id, extra=extra)
        else:
            self._activity.succeeded(ended.job.queue, ended.seconds)
            self._checkpointing.forget(ended.job)
        return True

    def _succeed_as_rq(self, ended: EndedJob) -> None:
        job = ended.job
        result = ended.content, ended.kinds, ended.preview, ended.began, ended.ended
        try:
            self._retry(lambda: self._rq_fallback.succeed(job.id, job.execution, *result))
        except Stopped:
            log.info("job %s was stopped as it ended", job.id, extra={"fields": job.log_fields})
            self._release(ended, How.STOPPED, STOPPED)
        except Exception as error:  # in RQ's code, of a damaged job that waits for this one
            log.exception("job %s can't be ended as RQ does", job.id, extra={"fields": job.log_fields})
            self._fail(ended, Failure.of(error, job.timeout))

    def _end_unsuccessful(self, ended: EndedJob, failure: Failure) -> None:
        if not ended.refusal:
            self._fail(ended, failure)
        elif not self._hand_back(ended, failure, ended.refusal):
            self._fail(ended, self._callbacks.after_refusal(ended.job, ended.refusal, failure))

    def _hand_back(self, ended: EndedJob, failure: Failure, refusal: AppError) -> bool:
        """Let another worker run the job, uncharged. False if it has to fail: no worker would take its arguments."""
        job = ended.job
        arguments = self._retry(lambda: self._hand_back_arguments(job, refusal))
        if not arguments:
            self._counter.count(ended)
            return False
        released = self._release(ended, How.HANDED_BACK, failure, arguments)
        if released and released.times_handed_back:
            self._meters.count("handed_back")
            if released.times_handed_back == 1:  # it comes back now and then: once is enough
                log.warning("job %s is handed back: %s", job.id, refusal, extra={"fields": job.log_fields})
        elif released and released.error:
            log.warning(
                "job %s is %s: %s", job.id, released.status, log_text(released.error), extra={"fields": job.log_fields}
            )
        return True

    def _fail(self, ended: EndedJob, failure: Failure) -> None:
        job = ended.job
        how, *more = _end_of(failure)
        if more:
            log.info("job %s: %s", job.id, failure.detail, extra={"fields": job.log_fields})
        else:
            text = failure.log_text
            log.warning("job %s failed: %s: %s", job.id, failure.type, text, extra={"fields": job.log_fields})
        self._checkpointing.flush(job)
        self._release(ended, how, failure, tuple(more))

    def _release(
        self, ended: EndedJob, how: How, failure: Failure, more: tuple[str | float | bytes, ...] = ()
    ) -> Released | None:
        """End the job other than by success."""
        job, times = ended.job, (ended.began, ended.ended, ended.seconds)
        arguments = release_arguments(self._worker_name, how, job.id, job.execution, failure, times=times, more=more)
        released = Released.of(self._connection.call(RELEASE, (), arguments))
        if released and released.status == Status.FAILED.rq and released.must_tell_dependents:
            with suppress(Exception):  # the supervisor also tries, and says what is wrong
                self._retry(lambda: self._rq_fallback.enqueue_dependents(job.id))
        if released and released.status == RQ_STOPPED:
            self._callbacks.run_stopped()
        return released

    def _retry(self, step: Callable[[], _Answer]) -> _Answer:
        """No outage costs a job its end: if there is no time left, the supervisor ends the job."""
        show_life = partial(self._activity.show_life, DEPENDENTS_SECONDS)
        return retry_until_redis_answers(step, self._redis, is_passing=is_passing, on_attempt=show_life)


def _end_of(failure: Failure) -> tuple[How] | tuple[How, str | float]:
    """Return the way in which the execution ends and, if the task has asked for another attempt, which one."""
    if failure.asked_retry:
        return How.ASKED, failure.asked_retry
    if failure.retry_in is not None:
        return How.LATER, failure.retry_in
    return (How.GIVEN_UP if failure.is_final else How.FAILED,)
