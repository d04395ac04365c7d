"""The arguments and the answer of release.lua, by which child and supervisor end executions other than by success."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, NamedTuple

from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.failure import Failure


class How(StrEnum):
    """The way in which an execution ends.

    FAILED: the function raised, or was over a limit; the job is tried again if it has attempts left.
    LOST: its process died; as FAILED, but a job that loses MAX_LOSSES processes is not tried again.
    GIVEN_UP: the function raised an error after which its task is not tried again.
    LATER: the function raised RetryLater; as FAILED, but it is tried again after the seconds that it asked for.
    STOPPED: a user stopped the job.
    ASKED: the function returned RQ's Retry; the job is tried again if it had fewer retries than that allows.
    REQUEUED: it did not begin, or has to make way; the job goes to the head of its queue, and no attempt is charged.
    HANDED_BACK: its worker can't run it and another may: no attempt is charged. If no other could, the job fails.
    """

    FAILED = "failed"
    LOST = "lost"
    GIVEN_UP = "given_up"
    LATER = "later"
    STOPPED = "stopped"
    ASKED = "asked"
    REQUEUED = "requeued"
    HANDED_BACK = "handed_back"


Times = tuple[float | str, float | str, float | str]  # Unix time of beginning and end, seconds in between
UNKNOWN_TIMES: Times = ("", "", "")


def release_arguments(
    worker_name: str,
    how: How,
    job_id: str,
    execution: str,
    failure: Failure | None = None,
    *,
    times: Times = UNKNOWN_TIMES,
    more: tuple[str | float | bytes, ...] = (),
) -> tuple[Any, ...]:
    """Return ARGV of release.lua. `more`: what child/hand_back.py knows of a job that is to be handed back; of a
    failure `asked_retry` or `retry_in`.

    An empty `job_id` stands for all that the worker's record names, of a worker that leaves; with an execution, for
    what is prefetched while that one runs.
    """
    error = (failure.error, failure.packed_traceback) if failure else ("", "")
    return (worker_name, now_text(), how, job_id, execution, *error, *times, *more)


class Released(NamedTuple):
    """The job after the execution. `status` is RQ's; `times_handed_back` includes this time; `error`: as shown now."""

    status: str
    job_id: str
    must_tell_dependents: bool
    request_id: str
    times_handed_back: int
    error: dict[str, str] | None

    @classmethod
    def of(cls, answer: list[Any]) -> Released | None:
        """Return None if there was nothing to end."""
        if not answer:
            return None
        status, job_id, must_tell, request_id, times, error = answer
        shown = json.loads(error) if error else None
        return cls(status.decode(), job_id.decode(), bool(must_tell), request_id.decode(), times, shown)
