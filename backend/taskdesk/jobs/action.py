"""An action on jobs: for which statuses it is allowed, what it does, and its words. actions.py has the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import JobNotFound, UnreadableJob
from taskdesk.jobs.job import Job
from taskdesk.jobs.status import UNREADABLE, Status
from taskdesk.service.errors import AppError, NoRoom


class TooLate(AppError):
    """Too late: the job has started, or waits for something else than its turn or its time."""

    status = 409

    def __init__(self, job_id: str, status: str, what: str, when: str):
        super().__init__(f"Job {job_id} is {status}. It can be {what} only {when}.")


@dataclass(frozen=True)
class Question:
    """The question that the page of a job asks before an action, and its two buttons."""

    heading: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True)
class Effect:
    """The effect of an action on a job of one status.

    `word` stands in JSON and on the command line, `many` after a number of jobs, `answer` in the OpenAPI document.
    `is_pending`: a worker still has to do it. `question`: None if the action is done without asking.
    """

    word: str
    many: str
    answer: str
    question: Question | None = None
    is_pending: bool = False


@dataclass(frozen=True)
class Option:
    """What an action has to be told: a member of a JSON body, a field of a form, an option of a command.

    `read(desk, given)` returns the value of a text. It raises InvalidArguments, at the pointer `/<name>`. `schema`: the
    JSON Schema of the text.
    """

    name: str
    label: str
    help: str
    schema: Mapping[str, str]
    read: Callable[[Desk, Any], Any]


@dataclass(frozen=True)
class ActionOutcome:
    """The outcome of an action on one job.

    `status`: that of the job before, empty if it is unknown. `effect`: None if the action left the job as it was.
    `error`: the reason, if that is an error. `new_job`: the job that a retry made.
    """

    status: str = ""
    effect: Effect | None = None
    error: AppError | None = None
    new_job: Job | None = None

    @property
    def word(self) -> str:
        """The word under which outcomes are counted. A job is "refused" if there was no room: it can be done later."""
        if self.effect:
            return self.effect.word
        return "refused" if isinstance(self.error, NoRoom) else "skipped"


@dataclass(frozen=True)
class Action:
    """A row of the table. `effects` has what the action does for each status that it is allowed for.

    `run(action, desk, job_ids, **keys)` does it. `keys` are those of Desk.retry, and the value of the `option`.
    """

    name: str
    label: str  # the button on the page of a job
    summary: str
    consequences: str  # on the page that asks before it is done with many jobs
    effects: Mapping[Status, Effect]
    run: Callable[..., list[ActionOutcome]]
    option: Option | None = field(default=None, kw_only=True)
    skipped: str  # after a number of jobs: why these were left as they are
    refusal: Callable[[str, str], AppError] | None = None  # for a job of another status; None if that is no error
    notice: Callable[[Job], str] = lambda job: ""  # on the page of the job, after the action
    unless: Callable[[Job], bool] | None = None  # the action would change nothing, so it is not offered
    role: str = "user"
    makes_job: bool = False
    removes_job: bool = False

    def fits(self, job: Job) -> bool:
        """Return True if the action is offered for this job."""
        if job.is_unreadable:
            return self.removes_job
        return job.status in self.effects and not (self.unless and self.unless(job))

    def outcome(self, job_id: str, status: str) -> ActionOutcome:
        """Return what the action did with a job that had this status, empty for an unknown job."""
        if not status:
            return ActionOutcome(error=JobNotFound(job_id))
        if status == UNREADABLE:
            return ActionOutcome(error=UnreadableJob(job_id))
        effect = self.effects.get(Status(status))
        error = self.refusal(job_id, status) if self.refusal and not effect else None
        return ActionOutcome(status, effect, error)


def act(desk: Desk, action: Action, job_ids: Sequence[str], **keys: Any) -> list[ActionOutcome]:
    """Do an action with each of these jobs. Raises RedisError."""
    return action.run(action, desk, job_ids, **keys) if job_ids else []


def act_on_one(desk: Desk, action: Action, job_id: str, **keys: Any) -> ActionOutcome:
    """Do an action with one job. Raises JobNotFound, JobExpired, and the error of the outcome."""
    desk.jobs.get(job_id)  # for an expired job this raises JobExpired; the script would not find it
    [outcome] = act(desk, action, [job_id], **keys)
    if outcome.error:
        raise outcome.error
    return outcome


def changing(change: Callable[..., list[str]]) -> Callable[..., list[ActionOutcome]]:
    """Return the `run` of an action whose `change`, of Jobs, takes ids and returns the status that each job had.

    It also takes the option of the action by its name.
    """

    def run(action: Action, desk: Desk, job_ids: Sequence[str], **keys: Any) -> list[ActionOutcome]:
        given = {action.option.name: keys[action.option.name]} if action.option else {}
        statuses = change(desk.jobs, *job_ids, **given)
        return [action.outcome(job_id, status) for job_id, status in zip(job_ids, statuses, strict=True)]

    return run
