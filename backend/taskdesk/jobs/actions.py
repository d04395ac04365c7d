"""The table of the actions on jobs. API, OpenAPI document, links, pages and command line iterate over it.

Redis has the last word: a script looks at the status of a job and changes the job in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from taskdesk.jobs.action import Action, ActionOutcome, Effect, Option, Question, TooLate, changing
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import FieldError, InvalidArguments, JobRunning, NotEnded, QueueFull
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.parsing import read_moment
from taskdesk.jobs.status import FINAL, FULL, NOT_BEGUN, Status
from taskdesk.jobs.submit_options import check_submit_options, refuse_the_past
from taskdesk.service.errors import AppError, RedisAway

RETRIED = "retried"
_A_TIME = {"type": "string", "format": "date-time"}


def _move(action: Action, desk: Desk, job_ids: Sequence[str], *, queue: str, **_keys: Any) -> list[ActionOutcome]:
    most = desk.max_queued or 0
    return [
        ActionOutcome(error=QueueFull(queue, most, most)) if status == FULL else action.outcome(job_id, status)
        for job_id, status in zip(job_ids, desk.jobs.move(queue, *job_ids), strict=True)
    ]


def _reschedule(jobs: Jobs, *job_ids: str, at: datetime) -> list[str]:
    return jobs.reschedule(at, *job_ids)


def _read_queue(desk: Desk, given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise InvalidArguments([FieldError("/queue", "Name the queue to which the job goes.")])
    check_submit_options(desk.queues.names, {"queue": given})
    return given


def _read_at(_desk: Desk, given: Any) -> datetime:
    try:
        at = read_moment(given)
    except ValueError as error:
        raise InvalidArguments([FieldError("/at", str(error))]) from None
    check_submit_options((), {"at": at})
    refuse_the_past(at, "run the job now")
    return at


def _delete(action: Action, desk: Desk, job_ids: Sequence[str], **keys: Any) -> list[ActionOutcome]:
    outcomes = changing(Jobs.delete)(action, desk, job_ids, **keys)
    for job_id, outcome in zip(job_ids, outcomes, strict=True):
        if outcome.effect:
            desk.artifacts.delete(job_id)
    return outcomes


def _retry(action: Action, desk: Desk, job_ids: Sequence[str], **keys: Any) -> list[ActionOutcome]:
    return [_retry_one(desk, job_id, len(job_ids) > 1, keys) for job_id in job_ids]


def _retry_one(desk: Desk, job_id: str, is_one_of_many: bool, keys: dict[str, Any]) -> ActionOutcome:
    try:
        job = desk.job(job_id)
        return ActionOutcome(job.status, RETRY.effects.get(job.status), new_job=desk.retry(job, **keys))
    except AppError as error:
        return ActionOutcome(error=error)
    except RedisError:
        if is_one_of_many:  # report the jobs that were made so far, or the next call would make them again
            return ActionOutcome(error=RedisAway())
        raise


CANCEL = Action(
    name="cancel",
    label="Cancel",
    summary="Take a job off its queue, or stop it while it is running",
    consequences="Jobs that have not started never start. Running jobs are stopped within 5 seconds.",
    effects=dict.fromkeys(
        NOT_BEGUN,
        Effect(
            word="canceled",
            many="canceled",
            answer="The job is canceled, or had ended before",
            question=Question("Cancel this job?", "It will not run.", yes="Cancel the job", no="Keep waiting"),
        ),
    )
    | {
        Status.RUNNING: Effect(
            word="stopping",
            many="being stopped",
            answer="The job is running; its worker stops it within 5 seconds",
            question=Question(
                "Cancel this job?",
                "It is running. Its progress is lost, and it is not retried.",
                yes="Cancel the job",
                no="Keep running",
            ),
            is_pending=True,
        )
    },
    run=changing(Jobs.cancel),
    skipped="had ended already",
    notice=lambda job: (
        "The job is being stopped. Its worker ends it within 5 seconds."
        if job.status == Status.RUNNING
        else "The job had ended before it could be canceled."
        if job.status in (Status.SUCCEEDED, Status.FAILED)
        else ""
    ),
)
RETRY = Action(
    name="retry",
    label="Retry",
    summary="Retry a job that has ended, as a new job with the same input, files, tags and queue",
    consequences="Each job is retried as a new job, with the same input and files.",
    effects=dict.fromkeys(FINAL, Effect(word=RETRIED, many="retried as new jobs", answer="The new job")),
    run=_retry,
    skipped="had been retried already or could not be",
    refusal=NotEnded,
    notice=lambda job: "This is a new job with the same input." if job.retry_of else "",
    makes_job=True,
)
KEEP = Action(
    name="keep",
    label="Keep forever",
    summary="Let a job that has ended never expire",
    consequences="The jobs never expire. They stay until you delete them.",
    effects=dict.fromkeys(FINAL, Effect(word="kept", many="kept forever", answer="The job")),
    run=changing(Jobs.keep),
    skipped="had not ended",
    refusal=NotEnded,
    notice=lambda job: "The job is kept. It never expires." if job.is_kept else "",
    unless=lambda job: job.is_kept,
)
UNKEEP = Action(
    name="unkeep",
    label="Let it expire",
    summary="Let a job that is kept forever expire again",
    consequences="The jobs expire as long from now as they would have after their end.",
    effects=dict.fromkeys(FINAL, Effect(word="unkept", many="no longer kept", answer="The job")),
    run=changing(Jobs.unkeep),
    skipped="had not ended",
    refusal=NotEnded,
    notice=lambda job: "" if job.is_kept else "The job is no longer kept. It expires again.",
    unless=lambda job: not job.is_kept,
)
ENQUEUE = Action(
    name="enqueue",
    label="Run now",
    summary="Queue a scheduled job now",
    consequences="The jobs are queued now, and no longer wait for their time.",
    effects={Status.SCHEDULED: Effect(word="enqueued", many="queued", answer="The job is queued, or was before")},
    run=changing(Jobs.enqueue_now),
    skipped="were not scheduled",
    notice=lambda job: "" if job.status is Status.SCHEDULED else "The job no longer waits for its time.",
)
RESCHEDULE = Action(
    name="reschedule",
    label="Reschedule",
    summary="Queue a job at another time",
    consequences="The jobs are queued at the time that you choose, and not before.",
    effects=dict.fromkeys(
        (Status.SCHEDULED, Status.QUEUED),
        Effect(
            word="rescheduled",
            many="rescheduled",
            answer="The job is scheduled for this time",
            question=Question("Reschedule this job?", "When should it start?", yes="Reschedule", no="Go back"),
        ),
    ),
    run=changing(_reschedule),
    option=Option("at", "Start at", "Time at which it is queued, such as 2026-12-01T08:00Z", _A_TIME, read=_read_at),
    skipped="were neither scheduled nor queued",
    refusal=lambda job_id, status: TooLate(job_id, status, "rescheduled", "while it is scheduled or queued"),
    notice=lambda job: "The job is rescheduled." if job.status is Status.SCHEDULED else "",
)
MOVE = Action(
    name="move",
    label="Change queue",
    summary="Move a job that has not started to the end of another queue",
    consequences="The jobs go to the end of the queue that you choose. Scheduled jobs keep their time.",
    effects=dict.fromkeys(
        NOT_BEGUN,
        Effect(
            word="moved",
            many="moved",
            answer="The job is in this queue",
            question=Question(
                "Change the queue of this job?", "It goes to the end of the queue.", yes="Change queue", no="Go back"
            ),
        ),
    ),
    run=_move,
    option=Option("queue", "Queue", "Queue to which it goes", {"type": "string"}, read=_read_queue),
    skipped="had started already",
    refusal=lambda job_id, status: TooLate(job_id, status, "moved to another queue", "until it starts"),
    notice=lambda job: f"The job is in the queue {job.queue}.",
)
DELETE = Action(
    name="delete",
    label="Delete",
    summary="Remove a job with its result, its log and its files",
    consequences=(
        "Their results, logs and files are also deleted. Jobs that have not started never start. This can’t be undone."
    ),
    effects=dict.fromkeys(
        FINAL,
        Effect(
            word="deleted",
            many="deleted",
            answer="The job is gone",
            question=Question(
                "Delete this job?",
                "Its log, its result and its files are also deleted. This can’t be undone.",
                yes="Delete",
                no="Go back",
            ),
        ),
    )
    | dict.fromkeys(
        NOT_BEGUN,
        Effect(
            word="deleted",
            many="deleted",
            answer="The job is gone",
            question=Question(
                "Delete this job?",
                "It will not run, and its input and files are deleted. This can’t be undone.",
                yes="Delete",
                no="Keep waiting",
            ),
        ),
    ),
    run=_delete,
    skipped="running or gone already",
    refusal=lambda job_id, _status: JobRunning(job_id),
    removes_job=True,
)
ACTIONS = {action.name: action for action in (ENQUEUE, RESCHEDULE, MOVE, CANCEL, RETRY, KEEP, UNKEEP, DELETE)}
