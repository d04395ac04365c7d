"""The commands about failures: list them by their cause, retry their jobs, and the actions of jobs/cause_actions.py."""

from __future__ import annotations

import os
from collections import Counter

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import format_duration, format_time, json_flag, out, print_json, print_lines, printable, say
from taskdesk.jobs.action import act
from taskdesk.jobs.actions import RETRY
from taskdesk.jobs.cause import Cause, State
from taskdesk.jobs.cause_actions import CAUSE_ACTIONS, CauseAction
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.representations import cause_object
from taskdesk.jobs.submission import MAX_BATCH

_FACTS = (
    *("id", "task", "state", "type", "frame", "line", "message", "count", "open_jobs"),
    *("first_at", "last_at", "sample", "changed_by", "changed_at", "reopened_at"),
)


@click.group(invoke_without_command=True)
@click.option(
    "--state",
    type=click.Choice([*(state.value for state in State), "all"]),
    default=State.OPEN.value,
    show_default=True,
    help="Only causes in this state.",
)
@click.option("--task", metavar="TASK", help="Only causes of this task.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Number of causes at most.")
@json_flag
@pass_session
@click.pass_context
def failures(ctx: click.Context, session: Session, state: str, task: str | None, limit: int, as_json: bool) -> None:
    """List failures by their cause, the last seen first."""
    if ctx.invoked_subcommand:
        return
    only = None if state == "all" else State(state)
    causes, _ = session.desk.causes.page(limit, state=only, task=task)
    if as_json:
        print_json({"data": [cause_object(cause) for cause in causes]})
        return
    last, show_last = ("LAST", format_duration) if out.is_terminal else ("LAST (UTC)", format_time)
    rows = [(one.id, one.task, _error(one), one.count, one.open_jobs, show_last(one.last_at)) for one in causes]
    print_lines(("ID", "TASK", "ERROR", "COUNT", "JOBS", last), rows, dropped=(), shortened="ERROR")


def _error(cause: Cause) -> str:
    return f"{cause.type}: {cause.message.strip().partition(chr(10))[0]}"


@failures.command()
@click.argument("cause_id", metavar="ID")
@json_flag
@pass_session
def show(session: Session, cause_id: str, as_json: bool) -> None:
    """Show a cause of failures."""
    cause = session.desk.causes.get(cause_id)
    if as_json:
        print_json(cause_object(cause))
    else:
        _print_facts(cause)


def _print_facts(cause: Cause) -> None:
    for name in _FACTS:
        if value := getattr(cause, name):
            shown = format_time(value) if name.endswith("_at") else " ".join(str(value).split())
            click.echo(f"{name}\t{printable(shown)}")


@failures.command()
@click.argument("cause_id", metavar="ID")
@json_flag
@pass_session
def retry(session: Session, cause_id: str, as_json: bool) -> None:
    """Retry the failed jobs of a cause that nobody has retried. Print how many jobs had which outcome."""
    cause = session.desk.causes.get(cause_id)
    outcomes: Counter[str] = Counter()
    for part in _parts(session.desk, cause):
        done = act(session.desk, RETRY, part, is_first=True)
        outcomes.update(outcome.word for outcome in done)
        for outcome in done:
            if outcome.error:
                say(str(outcome.error))
    session.audit("retry_failure", cause.id)
    if as_json:
        print_json({"outcomes": dict(outcomes)})
    else:
        for word, count in outcomes.items():
            click.echo(f"{word}\t{count}")


def _parts(desk: Desk, cause: Cause) -> list[list[str]]:
    """Return the ids of the jobs of a cause, read before the first is retried: a retry that fails is a job of it."""
    parts: list[list[str]] = []
    cursor: str | None = None
    while True:
        jobs, cursor = desk.jobs.page(MAX_BATCH, cursor, Filter(cause=cause.id))
        parts.append([job.id for job in jobs])
        if not cursor:
            return parts


def _command(action: CauseAction) -> click.Command:
    @click.command(action.name, help=f"{action.summary}.")
    @click.argument("cause_ids", metavar="ID...", nargs=-1, required=True)
    @pass_session
    def command(session: Session, cause_ids: tuple[str, ...]) -> None:
        for cause_id in cause_ids:
            cause = session.desk.causes.change(cause_id, action.state, f"cli:{os.getuid()}")
            session.audit(f"{action.name}_failure", cause.id)
            click.echo(f"{cause.id}\t{cause.state}")

    return command


for row in CAUSE_ACTIONS.values():
    failures.add_command(_command(row))
