"""Jobs: find them, end them, run them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from taskdesk.cli.moments import Duration
from taskdesk.cli.program import exit_status_for
from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import format_duration, format_time, json_flag, print_json, print_table, say
from taskdesk.jobs.desk import ActionOutcome, Desk
from taskdesk.jobs.job import Job
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.representations import job_object
from taskdesk.jobs.status import Status
from taskdesk.service import clock
from taskdesk.service.errors import AppError


@click.command(name="list")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@click.option("--task")
@click.option("--queue")
@click.option("--tag")
@click.option("--owner", metavar="USER", help="Submitted by this user.")
@click.option("--since", type=Duration(), metavar="DURATION", help="Submitted in the last 90s, 10m, 1h, 3d.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
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
    columns = ("ID", "TASK", "STATUS", "QUEUE", "CREATED (UTC)", "TOOK")
    took = [format_duration(job.started_at, job.ended_at if job.is_final else None) for job in jobs]
    rows = [(job.id, job.task, job.status, job.queue, format_time(job.created_at)) for job in jobs]
    print_table(columns, [(*row, time) for row, time in zip(rows, took, strict=True)])


def _newest(desk: Desk, limit: int, matching: Filter) -> list[Job]:
    found: list[Job] = []
    cursor: str | None = None
    while True:
        jobs, cursor = desk.jobs.page(limit - len(found), cursor, matching)
        found += jobs
        if not cursor or len(found) == limit:
            return found


@click.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_flag
@pass_session
@click.pass_context
def cancel(ctx: click.Context, session: Session, job_ids: Sequence[str], as_json: bool) -> None:
    """Take jobs off their queue, or stop them while they run.

    It prints the state of each. What runs is stopped by its worker within 5 seconds; what has ended stays as it is.
    """
    _tell(ctx, as_json, job_ids, session.desk.cancel(*job_ids))


@click.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_flag
@pass_session
@click.pass_context
def keep(ctx: click.Context, session: Session, job_ids: Sequence[str], as_json: bool) -> None:
    """Let jobs that have ended never expire."""
    _tell(ctx, as_json, job_ids, session.desk.keep(*job_ids))


@click.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_flag
@pass_session
@click.pass_context
def delete(ctx: click.Context, session: Session, job_ids: Sequence[str], as_json: bool) -> None:
    """Remove jobs with their results, logs and files. What runs is left alone."""
    _tell(ctx, as_json, job_ids, session.desk.delete(*job_ids))


def _tell(ctx: click.Context, as_json: bool, job_ids: Sequence[str], outcomes: Sequence[ActionOutcome]) -> None:
    """Print what became of each job, and say what could not be done; the worst of it is the exit status."""
    told = list(zip(job_ids, outcomes, strict=True))
    done = [(job_id, word) for job_id, word in told if isinstance(word, str)]
    if as_json:
        print_json({"data": [{"id": job_id, "outcome": word} for job_id, word in done]})
    else:
        for job_id, word in done:
            click.echo(f"{job_id}\t{word}")
    ctx.ensure_object(Session).audit(f"{ctx.info_name}_job", *[job_id for job_id, _ in done])
    errors = [error for _, error in told if isinstance(error, AppError)]
    for error in errors:
        say(str(error))
    ctx.exit(max(map(exit_status_for, errors), default=0))


@click.command()
@click.argument("job_id", metavar="ID")
@json_flag
@pass_session
def retry(session: Session, job_id: str, as_json: bool) -> None:
    """Run a job that has ended again, as a new job; print its id."""
    job = session.desk.retry(session.desk.jobs.get(job_id))
    session.audit("retry_job", job_id)
    if as_json:
        print_json(job_object(session.desk, job))
    else:
        click.echo(job.id)
