"""The commands about schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from taskdesk.cli.program import ExitStatus
from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.submit import argument_texts, json_arguments
from taskdesk.cli.terminal import format_time, json_flag, print_json, print_lines, print_table, say
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.schedules.definition import FIELDS, time_of
from taskdesk.jobs.schedules.representation import preview_objects, schedule_objects
from taskdesk.jobs.schedules.rq_import import find
from taskdesk.jobs.schedules.schedule import Schedule, is_schedule_id
from taskdesk.jobs.texts import read_texts
from taskdesk.service import clock
from taskdesk.service.errors import AppError

_OF_OPTIONS = [name for name in FIELDS if name not in ("task", "every", "arguments", "tags")]
_PAGE = 500


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a schedule that are no arguments."""
    for name in reversed(_OF_OPTIONS):
        command = click.option(f"--{name.replace('_', '-')}", name, help=FIELDS[name].help)(command)
    command = click.option("--tag", "tags", metavar="T", multiple=True, help="Tag of the jobs. May be repeated.")(
        command
    )
    return click.option("--input", "json_input", metavar="JSON", help="Arguments as a JSON object.")(command)


@click.group(invoke_without_command=True)
@json_flag
@click.pass_context
def schedules(ctx: click.Context, as_json: bool) -> None:
    """Let tasks run at times of a calendar or at intervals. Without a command, list the schedules."""
    if not ctx.invoked_subcommand:
        _list(ctx.ensure_object(Session).desk, as_json)


@schedules.command("show")
@click.argument("schedule_id", metavar="ID")
@json_flag
@pass_session
def show_schedule(session: Session, schedule_id: str, as_json: bool) -> None:
    """Show a schedule, its next five slots and its last ones."""
    [shown] = schedule_objects(session.desk, [session.desk.schedules.get(schedule_id)])
    if as_json:
        print_json(shown)
        return
    plain = {name: shown[name] for name in (*FIELDS, "origin", "owner", "paused", "problem") if shown[name]}
    print_table(("FIELD", "VALUE"), list(plain.items()))
    _print_next(shown["next"])
    print_table(("SLOT (UTC)", "OUTCOME", "JOB", "WHY"), [_slot_row(slot) for slot in shown["slots"]])


@schedules.command("add")
@click.argument("task")
@click.argument("every")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--id", "schedule_id", default="", help="Name of your own.  [default: a random one]")
@_options
@json_flag
@pass_session
def add_schedule(session: Session, /, task: str, every: str, schedule_id: str, as_json: bool, **given: Any) -> None:
    """Let TASK run EVERY so often: a cron string in quotes ("15 6 * * 1-5"), or a duration (10m). Print the id."""
    desk = session.desk
    values = {"task": task, "every": every, **_values(desk, task, **given)}
    made = desk.schedules.create(values, schedule_id=schedule_id)
    session.audit("create_schedule", made.id)
    _print_one(desk, made, as_json)


@schedules.command("change")
@click.argument("schedule_id", metavar="ID")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--every", help=FIELDS["every"].help)
@_options
@json_flag
@pass_session
def change_schedule(session: Session, /, schedule_id: str, every: str | None, as_json: bool, **given: Any) -> None:
    """Change what is given; arguments replace all arguments. A new time holds from now on."""
    desk = session.desk
    before = desk.schedules.get(schedule_id)
    values = {**({"every": every} if every is not None else {}), **_values(desk, before.definition.task, **given)}
    changed = desk.schedules.change(schedule_id, values)
    session.audit("change_schedule", schedule_id)
    _print_one(desk, changed, as_json)


@schedules.command("pause")
@click.argument("schedule_id", metavar="ID")
@click.option("--reason", default="", help="Why, for whoever looks at it later.")
@json_flag
@pass_session
def pause_schedule(session: Session, schedule_id: str, reason: str, as_json: bool) -> None:
    """Let no slot run until it is resumed."""
    paused = session.desk.schedules.pause(schedule_id, reason, "command line")
    session.audit("pause_schedule", schedule_id)
    _print_one(session.desk, paused, as_json)


@schedules.command("resume")
@click.argument("schedule_id", metavar="ID")
@json_flag
@pass_session
def resume_schedule(session: Session, schedule_id: str, as_json: bool) -> None:
    """Let the slots from now on run again."""
    resumed = session.desk.schedules.resume(schedule_id)
    session.audit("resume_schedule", schedule_id)
    _print_one(session.desk, resumed, as_json)


@schedules.command("run")
@click.argument("schedule_id", metavar="ID")
@pass_session
def run_schedule(session: Session, schedule_id: str) -> None:
    """Create a job of a schedule now, and print the id of the job."""
    desk = session.desk
    job_id = desk.firing.run_now(desk.schedules.get(schedule_id))
    session.audit("run_schedule", schedule_id)
    click.echo(job_id)


@schedules.command("delete")
@click.argument("schedule_id", metavar="ID")
@pass_session
def delete_schedule(session: Session, schedule_id: str) -> None:
    """Delete a schedule. Its jobs stay."""
    session.desk.schedules.delete(schedule_id)
    session.audit("delete_schedule", schedule_id)
    say(f"Schedule {schedule_id} is deleted.")


@schedules.command("preview")
@click.argument("every")
@click.option("--zone", default="UTC", show_default=True, help=FIELDS["zone"].help)
@json_flag
@pass_session
def preview_schedule(session: Session, every: str, zone: str, as_json: bool) -> None:
    """Print the next five slots of a cron string or a duration, and create nothing."""
    definition = session.desk.schedules.timed({"every": every, "zone": zone})
    following = preview_objects(definition, clock.now())
    if as_json:
        print_json({"next": following})
    else:
        _print_next(following)


@schedules.command("import")
@click.option("--zone", default="UTC", show_default=True, help="Time zone by whose clock `rq cron` went.")
@click.option("--dry-run", is_flag=True, help="Only print what would be imported.")
@pass_session
@click.pass_context
def import_schedules(ctx: click.Context, session: Session, zone: str, dry_run: bool) -> None:
    """Make schedules of those of rq-scheduler, and of an `rq cron` that is running. Theirs stay as they are.

    The exit status is 1 if one could not be imported: it is named with the reason.
    """
    desk, left = session.desk, 0
    for found in find(desk.redis, desk.catalog.read(), zone):
        fault = found.fault
        try:
            if not fault:
                desk.schedules.checked(found.values)
                if not dry_run:
                    desk.schedules.create(found.values, schedule_id=found.id if is_schedule_id(found.id) else "")
                    session.audit("create_schedule", found.id)
        except AppError as error:
            fault = str(error)
        left += bool(fault)
        if fault:
            say(f"Not imported: {found.name}: {fault}")
        else:
            click.echo(f"{found.id}\t{found.values['task']}\t{found.values['every']}")
    if not dry_run:
        say("Stop rq-scheduler and `rq cron` now: else both run what was imported.")
    ctx.exit(ExitStatus.FAILED if left else ExitStatus.SUCCESS)


def _values(
    desk: Desk, task: str, *, arguments: Sequence[str], json_input: str | None, **options: Any
) -> dict[str, Any]:
    """Return the fields that were given. Raises InvalidArguments at the pointers of the API."""
    values = {name: value for name, value in options.items() if value is not None and name != "tags"}
    if options.get("tags"):
        values["tags"] = list(options["tags"])
    for name in ("jitter", "missed_within"):
        if str(values.get(name, "")).isdecimal():
            values[name] = int(values[name])
    if arguments or json_input is not None:
        spec = desk.catalog.task(task)
        try:
            given = json_arguments(spec, json_input or "{}")
            values["arguments"] = given | read_texts(spec, argument_texts(arguments))
        except InvalidArguments as error:
            raise InvalidArguments(FieldError(f"/arguments{one.pointer}", one.detail) for one in error.errors) from None
    return values


def _list(desk: Desk, as_json: bool) -> None:
    found: list[Schedule] = []
    total = 1
    offset = 0
    while offset < total:
        page, total = desk.schedules.page(offset, _PAGE)
        found += page
        offset += _PAGE
    if as_json:
        print_json({"data": schedule_objects(desk, found)})
        return
    rows = [(one.id, one.definition.task, one.definition.every, one.definition.zone, _next(one)) for one in found]
    print_lines(("SCHEDULE", "TASK", "EVERY", "ZONE", "NEXT (UTC)"), rows, dropped=("ZONE",), shortened="TASK")


def _next(one: Schedule) -> str:
    if one.pause:
        return f"paused: {one.pause.reason}" if one.pause.reason else "paused"
    return format_time(time_of(one.next)) or "never"


def _print_one(desk: Desk, schedule: Schedule, as_json: bool) -> None:
    if as_json:
        print_json(schedule_objects(desk, [schedule])[0])
        return
    click.echo(schedule.id)
    if not desk.catalog.read().workers:
        say("No worker is online. Jobs wait until one is; the web lets schedules come due meanwhile.")


def _print_next(following: Sequence[dict[str, Any]]) -> None:
    rows = [(one["at"], one["local"], one["remark"]) for one in following]
    print_table(("NEXT (UTC)", "IN ITS ZONE", "REMARK"), rows)


def _slot_row(slot: dict[str, Any]) -> tuple[Any, ...]:
    return slot["at"], slot["status"] or slot["outcome"], slot["job"], slot["reason"]
