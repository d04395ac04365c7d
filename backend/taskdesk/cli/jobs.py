"""List jobs, and do one of the actions of jobs/actions.py with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from taskdesk.cli.param_types import Duration
from taskdesk.cli.program import error_exit_status
from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import format_duration, format_time, json_flag, out, print_json, print_lines, say
from taskdesk.jobs.action import Action, ActionOutcome, act
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Job
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.representations import job_object
from taskdesk.jobs.status import Status
from taskdesk.service import clock

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.command(name="list")
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Only jobs with this status.")
@click.option("--task", metavar="TASK", help="Only jobs of this task.")
@click.option("--queue", metavar="Q", help="Only jobs of this queue.")
@click.option("--tag", metavar="T", help="Only jobs with this tag.")
@click.option("--owner", metavar="USER", help="Only jobs that this user submitted.")
@click.option(
    "--since", type=Duration(), metavar="DURATION", help="Only jobs submitted within this time: 90s, 10m, 1h, 3d."
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Number of jobs to list at most."
)
@json_flag
@pass_session
def list_jobs(
    session: Session,
    status: str | None,
    task: str | None,
    queue: str | None,
    tag: str | None,
    owner: str | None,
    since: timedelta | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    name = task.rpartition(".")[2] if task else None
    after = clock.utc_now() - since if since else None
    matching = Filter(
        status=Status(status) if status else None, task=name, queue=queue, tag=tag, owner=owner, since=after
    )
    jobs = _newest(session.desk, limit, matching)
    if as_json:
        print_json({"data": [job_object(session.desk, job) for job in jobs]})
        return
    created, show_created = ("AGE", format_duration) if out.is_terminal else ("CREATED (UTC)", format_time)
    rows = [(job.id, job.task, job.status, job.queue, show_created(job.created_at), _took(job)) for job in jobs]
    columns = ("ID", "TASK", "STATUS", "QUEUE", created, "TOOK")
    print_lines(columns, rows, dropped=("QUEUE",), shortened="TASK")


def _took(job: Job) -> str:
    return format_duration(job.started_at, job.ended_at if job.is_final else None)


def _newest(desk: Desk, limit: int, matching: Filter) -> list[Job]:
    found: list[Job] = []
    cursor: str | None = None
    while True:
        jobs, cursor = desk.jobs.page(limit - len(found), cursor, matching)
        found += jobs
        if not cursor or len(found) == limit:
            return found


def action_command(action: Action) -> click.Command:
    """Return the command that does an action with jobs; with one job if that makes a new one."""
    many = "" if action.makes_job else "..."

    option = action.option

    @click.command(action.name, help=_help(action))
    @click.argument("job_ids", required=True, metavar=f"ID{many}", nargs=-1 if many else 1)
    @_option(action)
    @json_flag
    @pass_session
    @click.pass_context
    def command(
        ctx: click.Context, session: Session, job_ids: str | Sequence[str], as_json: bool, given: str | None = None
    ) -> None:
        ids = [job_ids] if isinstance(job_ids, str) else job_ids
        keys = {option.name: option.read(session.desk, given)} if option else {}
        ctx.exit(_act(session, action, ids, as_json, keys))

    return command


def _option(action: Action) -> Callable[[_Command], _Command]:
    option = action.option
    if not option:
        return lambda command: command
    return click.option(f"--{option.name}", "given", required=True, metavar=option.name.upper(), help=f"{option.help}.")


def _act(session: Session, action: Action, ids: Sequence[str], as_json: bool, keys: dict[str, Any]) -> int:
    """Do the action, print what became of each job, and return the exit status: that of the worst error."""
    outcomes = list(zip(ids, act(session.desk, action, ids, **keys), strict=True))
    done = [(job_id, outcome) for job_id, outcome in outcomes if not outcome.error]
    (_print_new_jobs if action.makes_job else _print_outcomes)(session.desk, done, as_json)
    session.audit(f"{action.name}_job", *[job_id for job_id, _ in done])
    errors = [outcome.error for _, outcome in outcomes if outcome.error]
    for error in errors:
        say(str(error))
    return max(map(error_exit_status, errors), default=0)


def _help(action: Action) -> str:
    prints = "the id of the new job" if action.makes_job else "what became of each job"
    *most, last = [status for status in Status if status in action.effects]
    return f"{action.summary}.\n\nFor jobs that are {', '.join(most)} or {last}. Print {prints}."


def _print_outcomes(desk: Desk, done: Sequence[tuple[str, ActionOutcome]], as_json: bool) -> None:
    words = [(job_id, outcome.effect.word if outcome.effect else outcome.status) for job_id, outcome in done]
    if as_json:
        print_json({"data": [{"id": job_id, "outcome": word} for job_id, word in words]})
        return
    for job_id, word in words:
        click.echo(f"{job_id}\t{word}")


def _print_new_jobs(desk: Desk, done: Sequence[tuple[str, ActionOutcome]], as_json: bool) -> None:
    for job in [outcome.new_job for _, outcome in done if outcome.new_job]:
        if as_json:
            print_json(job_object(desk, job))
        else:
            click.echo(job.id)


ACTION_COMMANDS = [action_command(action) for action in ACTIONS.values()]
