"""The command `submit`."""

from __future__ import annotations

import mimetypes
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from taskdesk.cli.param_types import Duration, Moment
from taskdesk.cli.program import job_exit_status
from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import err, json_flag, print_json, say
from taskdesk.cli.watch import follow
from taskdesk.jobs.arguments import Arguments, check, check_file_count, check_tags
from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments, NotJson
from taskdesk.jobs.exact_numbers import exact_json
from taskdesk.jobs.representations import job_object, notice
from taskdesk.jobs.texts import read_texts
from taskdesk.service import clock


@click.command()
@click.argument("task")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--input", "json_input", metavar="JSON", default="{}", help="Arguments as a JSON object.")
@click.option("--queue", metavar="Q", help="Queue of the job.  [default: the queue of the task]")
@click.option("--at", type=Moment(), metavar="TIME", help="Time to start at, such as 2026-12-01T08:00Z.")
@click.option("--in", "ahead", type=Duration(), metavar="DURATION", help="Delay before the start: 90s, 10m, 2h, 3d.")
@click.option("--tag", "tags", metavar="T", multiple=True, help="Tag to find the job by. May be repeated.")
@click.option("--webhook", metavar="URL", help="URL that hears of the end of the job.  [default: that of the task]")
@click.option("--wait", is_flag=True, help="Follow the job to its end. The exit status is 1 if it did not succeed.")
@json_flag
@pass_session
@click.pass_context
def submit(
    ctx: click.Context,
    session: Session,
    task: str,
    arguments: Sequence[str],
    json_input: str,
    queue: str | None,
    at: datetime | None,
    ahead: timedelta | None,
    tags: Sequence[str],
    webhook: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Submit a job that runs TASK, and print the id of the job.

    Pass a file as NAME=@path, and a list by repeating its NAME for each entry or file. NAME:=JSON passes what a text
    can't say: x:=null, x:=[], x:='"5"'. NAME=VALUE overrides --input. A time needs its zone, such as
    2026-12-01T08:00:00Z.
    """
    if at and ahead:
        raise click.UsageError("--at and --in can't be combined: choose one.")
    if ahead:
        at = clock.utc_now() + ahead
    desk = session.desk
    spec = desk.catalog.task(task)
    with ExitStack() as files:
        checked = _arguments(spec, argument_texts(arguments), json_arguments(spec, json_input), files)
        if checked.uploads:
            session.check_data_dir()
        job = desk.submit(spec, checked, queue=queue, at=at, tags=check_tags(tags), webhook=webhook)
    session.audit("create_job", job.id)
    if not as_json:
        click.echo(job.id)
    if sentence := notice(desk.catalog.read(), spec, job.queue):
        say(sentence)
    if wait:
        job = follow(desk, job.id, None if as_json else err)
    if as_json:
        print_json(job_object(desk, job, whole=wait))
    ctx.exit(job_exit_status(job) if wait else 0)


def argument_texts(arguments: Sequence[str]) -> dict[str, list[str]]:
    texts = defaultdict(list)
    for argument in arguments:
        name, equals, text = os.fsencode(argument).decode(errors="replace").partition("=")
        if not equals:
            raise click.UsageError(f"{argument!r} has no value: write NAME=VALUE.")
        texts[name].append(text)
    return texts


def json_arguments(spec: TaskSpec, text: str) -> dict[str, Any]:
    value = exact_json(spec.input_schema, os.fsencode(text).decode(errors="replace"))
    if not isinstance(value, dict):
        raise NotJson('--input has to be a JSON object of arguments, such as {"task_arg": "a"}.')
    return value


def _arguments(spec: TaskSpec, texts: dict[str, list[str]], values: dict[str, Any], files: ExitStack) -> Arguments:
    """Return the checked arguments. Raises InvalidArguments."""
    named = {name: texts.pop(name) for name in spec.file_parameters if name in texts}
    uploads = _open(named, files)
    values |= read_texts(spec, texts)
    check(spec, values, uploads)
    return Arguments(values, uploads)


def _open(named: dict[str, list[str]], files: ExitStack) -> dict[str, list[UploadedFile]]:
    """Open the files of these parameters, until `files` closes. Raises InvalidArguments with those that can't be."""
    uploads, errors = defaultdict(list), []
    for name, texts in named.items():
        check_file_count(name, len(texts))
        for text in texts:
            try:
                uploads[name].append(_opened(name, text, files))
            except ValueError as error:
                errors.append(FieldError(f"/{name}", str(error)))
    if errors:
        raise InvalidArguments(errors)
    return uploads


def _opened(name: str, text: str, files: ExitStack) -> UploadedFile:
    path = Path(text.removeprefix("@"))
    if not text.startswith("@"):
        raise ValueError(f"is a file: write {name}=@path.")
    try:
        content = files.enter_context(path.open("rb"))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}.") from None
    if not content.seekable():
        raise ValueError(f"{path} is a pipe: save it to a file first.")
    return UploadedFile(path.name, mimetypes.guess_type(path.name)[0] or "application/octet-stream", content)
