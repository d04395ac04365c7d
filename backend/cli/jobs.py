"""Jobs: find them, end them, run them again."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cli.program import UNKNOWN
from cli.session import Session, pass_session
from cli.terminal import duration, json_flag, moment, print_json, print_table, say
from jobkit.desk import Desk
from jobkit.errors import JobNotFound
from jobkit.job import STATUSES, Job
from jobkit.listing import Filter
from jobkit.present import job_object


@click.command(name="list")
@click.option("--status", type=click.Choice(list(dict.fromkeys(STATUSES.values()))))
@click.option("--task")
@click.option("--queue")
@click.option("--tag")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_flag
@pass_session
def list_jobs(
    session: Session,
    status: str | None,
    task: str | None,
    queue: str | None,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    name = task.rpartition(".")[2] if task else None
    jobs = _newest(session.desk, limit, Filter(status=status, task=name, queue=queue, tag=tag))
    if as_json:
        print_json({"data": [job_object(session.desk, job) for job in jobs]})
        return
    columns = ("ID", "TASK", "STATUS", "QUEUE", "CREATED (UTC)", "TOOK")
    took = [duration(job.started_at, job.ended_at if job.is_final else None) for job in jobs]
    rows = [(job.id, job.task, job.status, job.queue, moment(job.created_at)) for job in jobs]
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
@pass_session
@click.pass_context
def cancel(ctx: click.Context, session: Session, job_ids: Sequence[str]) -> None:
    """Take jobs off their queue, or stop them while they run.

    It prints the state of each. What runs is stopped by its worker within 5 seconds; what has ended stays as it is.
    """
    statuses = session.desk.jobs.cancel(*job_ids)
    for job_id, status in zip(job_ids, statuses, strict=True):
        if status:
            click.echo(f"{job_id}\t{'running, to be stopped' if status == 'running' else status}")
        else:
            say(str(JobNotFound(job_id)))
    ctx.exit(0 if all(statuses) else UNKNOWN)


@click.command()
@click.argument("job_id", metavar="ID")
@json_flag
@pass_session
def retry(session: Session, job_id: str, as_json: bool) -> None:
    """Run a job that has ended again, as a new job; print its id."""
    job = session.desk.retry(session.desk.jobs.get(job_id))
    if as_json:
        print_json(job_object(session.desk, job))
    else:
        click.echo(job.id)
