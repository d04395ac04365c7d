"""What people can do with jobs.

Each action is a row of ACTIONS. API, OpenAPI document, links, pages and command line iterate over it.

Redis has the last word: a script looks at the status of a job and changes it in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import JobNotFound, JobRunning, NotEnded
from taskdesk.jobs.job import Job
from taskdesk.jobs.status import FINAL, Status
from taskdesk.service.errors import AppError, NoRoom, RedisAway


@dataclass(frozen=True)
class Question:
    """What the page of a job asks before an action, and its two buttons."""

    heading: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True)
class Effect:
    """What an action does to a job of one status.

    `word` stands in JSON and on the command line, `many` after a number of jobs, `answer` in the OpenAPI document.
    `is_pending`: a worker still has to do it. `question`: None if the action is done without asking.
    """

    word: str
    many: str
    answer: str
    question: Question | None = None
    is_pending: bool = False


@dataclass(frozen=True)
class ActionOutcome:
    """What an action did with one job: its effect, or None and, if that is one, the error.

    `status` is the one that the job had, empty if it is unknown. `new_job`: the job that a retry has made.
    """

    status: str = ""
    effect: Effect | None = None
    error: AppError | None = None
    new_job: Job | None = None

    @property
    def word(self) -> str:
        """The word that a count of outcomes uses. A job is refused if there was no room: later there may be."""
        if self.effect:
            return self.effect.word
        return "refused" if isinstance(self.error, NoRoom) else "skipped"


@dataclass(frozen=True)
class Action:
    """`effects`: what it does, by the status of a job; it is not allowed for a job of another status.

    `run` does it with many jobs; `keys` (`key`, `form_token`) are for an action that makes jobs: see Desk.retry.
    """

    name: str
    label: str  # the button on the page of a job
    summary: str
    consequences: str  # for many jobs: on the page that asks, and on the command line
    effects: Mapping[Status, Effect]
    run: Callable[..., list[ActionOutcome]]
    skipped: str  # why a job was left as it is, after a number of jobs
    refusal: Callable[[str, str], AppError] | None = None  # for a job of another status; None if that is no error
    notice: Callable[[Job], str] = lambda job: ""  # the sentence on the page of the job afterwards
    unless: Callable[[Job], bool] = lambda job: False  # it would change nothing, so it is not offered
    role: str = "user"
    makes_job: bool = False
    removes_job: bool = False

    def fits(self, job: Job) -> bool:
        """Return True if the action is offered for this job."""
        return job.status in self.effects and not self.unless(job)

    def outcome(self, job_id: str, status: str) -> ActionOutcome:
        """Return what the action did with a job that had this status, empty for an unknown job."""
        if not status:
            return ActionOutcome(error=JobNotFound(job_id))
        effect = self.effects.get(Status(status))
        error = self.refusal(job_id, status) if self.refusal and not effect else None
        return ActionOutcome(status, effect, error)


def act(desk: Desk, action: Action, job_ids: Sequence[str], **keys: Any) -> list[ActionOutcome]:
    """Do it with each of these jobs. Raises RedisError."""
    return action.run(action, desk, job_ids, **keys) if job_ids else []


def act_on_one(desk: Desk, action: Action, job_id: str, **keys: Any) -> ActionOutcome:
    """Do it with one job. Raises JobNotFound, JobExpired, and whatever error the outcome has."""
    desk.jobs.get(job_id)  # it tells an expired job from an unknown one
    [outcome] = act(desk, action, [job_id], **keys)
    if outcome.error:
        raise outcome.error
    return outcome


def _changing(change: Callable[..., list[str]]) -> Callable[..., list[ActionOutcome]]:
    """Return the `run` of an action whose `change` takes ids and returns the status that each job had."""

    def run(action: Action, desk: Desk, job_ids: Sequence[str], **_keys: Any) -> list[ActionOutcome]:
        statuses = change(desk, *job_ids)
        return [action.outcome(job_id, status) for job_id, status in zip(job_ids, statuses, strict=True)]

    return run


def _cancel(desk: Desk, *job_ids: str) -> list[str]:
    return desk.jobs.cancel(*job_ids)


def _keep(desk: Desk, *job_ids: str) -> list[str]:
    return desk.jobs.keep(*job_ids)


def _delete(desk: Desk, *job_ids: str) -> list[str]:
    statuses = desk.jobs.delete(*job_ids)
    for job_id, status in zip(job_ids, statuses, strict=True):
        if status in DELETE.effects:
            desk.artifacts.delete(job_id)
    return statuses


def _retry(action: Action, desk: Desk, job_ids: Sequence[str], **keys: Any) -> list[ActionOutcome]:
    return [_retry_one(desk, job_id, len(job_ids) > 1, keys) for job_id in job_ids]


def _retry_one(desk: Desk, job_id: str, is_one_of_many: bool, keys: dict[str, Any]) -> ActionOutcome:
    try:
        job = desk.jobs.get(job_id)
        return ActionOutcome(job.status, RETRY.effects.get(job.status), new_job=desk.retry(job, **keys))
    except AppError as error:
        return ActionOutcome(error=error)
    except RedisError:
        if is_one_of_many:  # report the jobs that were made so far, or the next call would make them again
            return ActionOutcome(error=RedisAway())
        raise


NOT_BEGUN = (Status.SCHEDULED, Status.WAITING, Status.QUEUED)

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
            question=Question("Cancel this job?", "It will not run.", yes="Cancel the job", no="Let it wait"),
        ),
    )
    | {
        Status.RUNNING: Effect(
            word="stopping",
            many="being stopped",
            answer="The job is running; its worker stops it within 5 seconds",
            question=Question(
                "Stop this job?",
                "It is running: what it has done so far is lost, and it is not tried again.",
                yes="Stop it",
                no="Let it run",
            ),
            is_pending=True,
        )
    },
    run=_changing(_cancel),
    skipped="had ended already",
    notice=lambda job: (
        "The job is being stopped: its worker ends it within 5 seconds."
        if job.status == Status.RUNNING
        else "The job had ended before it could be canceled."
        if job.status in (Status.SUCCEEDED, Status.FAILED)
        else ""
    ),
)
RETRY = Action(
    name="retry",
    label="Run again",
    summary="Run a job that has ended again, as a new job with the same input, files, tags and queue",
    consequences="Each job is run again as a new job, with the same input and files.",
    effects=dict.fromkeys(FINAL, Effect(word="retried", many="run again, as new jobs", answer="The new job")),
    run=_retry,
    skipped="could not be run again",
    refusal=NotEnded,
    notice=lambda job: "This is a new job with the same input." if job.retry_of else "",
    makes_job=True,
)
KEEP = Action(
    name="keep",
    label="Keep",
    summary="Let a job that has ended never expire",
    consequences="The jobs do not expire: they stay until you delete them.",
    effects=dict.fromkeys(FINAL, Effect(word="kept", many="kept until you delete them", answer="The job")),
    run=_changing(_keep),
    skipped="had not ended",
    refusal=NotEnded,
    notice=lambda job: "The job is kept: it does not expire." if job.is_kept else "",
    unless=lambda job: job.is_kept,
)
DELETE = Action(
    name="delete",
    label="Delete",
    summary="Remove a job with its result, its log and its files",
    consequences=(
        "Their results, logs and files are deleted, too. Jobs that have not started never start. This can’t be undone."
    ),
    effects=dict.fromkeys(
        FINAL,
        Effect(
            word="deleted",
            many="deleted",
            answer="The job is gone",
            question=Question(
                "Delete this job?",
                "Its log, its result and its files are deleted, too. This can’t be undone.",
                yes="Delete",
                no="Keep it",
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
                no="Let it wait",
            ),
        ),
    ),
    run=_changing(_delete),
    skipped="running or gone already",
    refusal=lambda job_id, _status: JobRunning(job_id),
    removes_job=True,
)
ACTIONS = {action.name: action for action in (CANCEL, RETRY, KEEP, DELETE)}
