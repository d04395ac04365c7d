"""The command `watch`: follow the log of a job, with a progress bar if there is a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click
from redis import Redis
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from taskdesk.cli.program import job_exit_status
from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import err, format_duration, json_flag, out, print_json, printable
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Job
from taskdesk.jobs.joblog import COLORS, read_log
from taskdesk.jobs.representations import job_object

_POLL_SECONDS = 0.2


@click.command()
@click.argument("job_id", metavar="ID")
@json_flag
@pass_session
@click.pass_context
def watch(ctx: click.Context, session: Session, job_id: str, as_json: bool) -> None:
    """Show the log and the progress of a job until it ends.

    The exit status is 1 if the job did not succeed. Ctrl-C stops watching, not the job. With --json, wait for the end
    and print the job.
    """
    job = follow(session.desk, job_id, None if as_json else out)
    if as_json:
        print_json(job_object(session.desk, job, whole=True))
    ctx.exit(job_exit_status(job))


def follow(desk: Desk, job_id: str, console: Console | None) -> Job:
    """Show a job on the console until it ends, and return it. Raises JobNotFound, JobExpired."""
    log = _Log(desk.redis, job_id)
    with _bar(console) as bar:
        task = bar.add_task("…", total=None, message="")
        while True:
            job = desk.jobs.get(job_id)
            if console:
                for line in log.read(to_end=job.is_final):
                    bar.console.print(_colored(line))
                _show(bar, job)
            if job.is_final:
                break
            time.sleep(_POLL_SECONDS)
        bar.remove_task(task)
    if console:
        err.print(printable(_conclusion(job)))
    return job


def _colored(line: str) -> Text:
    """Return a line with its colors, which a console that is no terminal leaves out."""
    place = 0
    pieces = []
    for colors in COLORS.finditer(line):
        pieces += [printable(line[place : colors.start()]), colors[0]]
        place = colors.end()
    return Text.from_ansi("".join([*pieces, printable(line[place:])]))


class _Log:
    """The log of a job as lines. A line without an end yet is held back."""

    def __init__(self, redis: Redis, job_id: str):
        self._redis, self._job_id = redis, job_id
        self._offset = 0
        self._open = ""

    def read(self, *, to_end: bool) -> Iterator[str]:
        text, self._offset = read_log(self._redis, self._job_id, self._offset)
        *lines, self._open = (self._open + text).split("\n")
        yield from lines
        if to_end and self._open:
            yield self._open


def _bar(console: Console | None) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    message = TextColumn("{task.fields[message]}", markup=False)
    return Progress(*columns, message, console=console, disable=not (console and console.is_terminal))


def _show(bar: Progress, job: Job) -> None:
    percent, message = (job.progress.percent, job.progress.message) if job.progress else (None, "")
    total = None if percent is None else 100.0
    bar.update(bar.task_ids[0], description=job.status, total=total, completed=percent or 0, message=printable(message))


def _conclusion(job: Job) -> str:
    took = f" after {format_duration(job.started_at, job.ended_at)}" if job.started_at and job.ended_at else ""
    why = f": {job.error['type']}: {job.error['detail']}" if job.error else "."
    return f"{job.task} {job.status}{took}{why}"
