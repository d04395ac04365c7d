"""The commands about alerts."""

from __future__ import annotations

import time

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import format_time, json_flag, print_json, print_table, say
from taskdesk.jobs.alerts.alerts import Alerts
from taskdesk.jobs.alerts.file import read_alerts_file
from taskdesk.jobs.alerts.representations import channel_objects, firing_object, message_object, rule_object
from taskdesk.jobs.alerts.rules import KINDS
from taskdesk.jobs.alerts.scripts import MessageStatus
from taskdesk.jobs.parsing import read_duration
from taskdesk.service.errors import AppError

TEST_SECONDS = 60  # that a test waits for its message


class TestFailed(AppError):
    """Not delivered: the channel did not take the test."""

    status = 409


@click.group(invoke_without_command=True)
@json_flag
@click.pass_context
@pass_session
def alerts(session: Session, ctx: click.Context, as_json: bool) -> None:
    """Show what fires; make, delete and silence rules; test channels."""
    if ctx.invoked_subcommand is not None:
        return
    firing = _alerts(session).overview().firing
    if as_json:
        print_json({"data": [firing_object(one) for one in firing]})
    else:
        rows = [(one.rule, "firing" if one.fired_at else "begins", format_time(one.since), one.title) for one in firing]
        print_table(("RULE", "STATE", "SINCE (UTC)", "ALERT"), rows)


@alerts.command()
@json_flag
@pass_session
def rules(session: Session, as_json: bool) -> None:
    """List the rules of the file, of the desk, and of tasks."""
    states = _alerts(session).overview().rules
    if as_json:
        print_json({"data": [rule_object(state) for state in states]})
        return
    rows = [
        (
            state.named.name,
            state.named.rule.when,
            ",".join(state.named.rule.channels),
            state.named.source,
            state.firing,
            format_time(state.silence_ends),
            state.fault,
        )
        for state in states
    ]
    print_table(("RULE", "WHEN", "CHANNELS", "FROM", "FIRING", "SILENCED UNTIL (UTC)", "FAULT"), rows)


@alerts.command()
@click.argument("name")
@click.option("--when", type=click.Choice([*KINDS]), required=True, help="What to watch.")
@click.option("--channel", "channels", multiple=True, required=True, help="Channel to notify; repeat it for several.")
@click.option("--task", help="Only failures of this task.")
@click.option("--queue", help="Only this queue.")
@click.option("--count", type=int, help="Failures.")
@click.option("--minutes", type=int, help="Minutes in which they are counted.")
@click.option("--seconds", type=int, help="Seconds that a queue waits, or has no worker.")
@click.option("--window", type=int, help="Seconds after which the alert is over.")
@click.option("--details", is_flag=True, help="Quote the error of a job in messages.")
@pass_session
def add(session: Session, /, name: str, channels: tuple[str, ...], **fields: object) -> None:
    """Make the rule NAME, or replace it."""
    given = {field: value for field, value in fields.items() if value is not None}
    is_new = _alerts(session).put_rule(name, {**given, "channels": list(channels)})
    session.audit("put_alert_rule", name)
    say(f"Rule {name} is {'made' if is_new else 'replaced'}.")


@alerts.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Delete the rule NAME of the desk."""
    _alerts(session).delete_rule(name)
    session.audit("delete_alert_rule", name)
    say(f"Rule {name} is deleted.")


@alerts.command()
@click.argument("name")
@click.argument("duration")
@click.option("--reason", default="", help="Why, for those who see it on the page.")
@pass_session
def silence(session: Session, name: str, duration: str, reason: str) -> None:
    """Send no messages of the rule NAME for DURATION, such as 30m, 2h or 7d; 0s ends that."""
    try:
        seconds = int(read_duration(duration).total_seconds())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="DURATION") from None
    if seconds:
        _alerts(session).silence(name, seconds, "", reason)
    else:
        _alerts(session).end_silence(name)
    session.audit("silence_alert_rule" if seconds else "end_alert_silence", name)
    say(f"Rule {name} is {f'silenced for {duration}' if seconds else 'no longer silenced'}.")


@alerts.command("channels")
@json_flag
@pass_session
def list_channels(session: Session, as_json: bool) -> None:
    """List the usable channels of ALERTS_FILE, and say what is wrong with the file."""
    found = _alerts(session)
    channels = channel_objects(found)
    if as_json:
        print_json({"data": channels})
    else:
        print_table(("CHANNEL", "KIND"), [(one["name"], one["kind"]) for one in channels])
    for fault in found.file.faults:
        say(fault)


@alerts.command()
@json_flag
@pass_session
def messages(session: Session, as_json: bool) -> None:
    """List the last messages, the newest first."""
    sent = _alerts(session).outbox.last()
    if as_json:
        print_json({"data": [message_object(one) for one in sent]})
        return
    rows = [
        (one.message.time, one.channel, one.status, one.message.event, one.message.title, one.answer) for one in sent
    ]
    print_table(("SENT AT", "CHANNEL", "STATUS", "EVENT", "TITLE", "ANSWER"), rows)


@alerts.command("test")
@click.argument("channel")
@pass_session
def test_channel(session: Session, channel: str) -> None:
    """Send a message to CHANNEL, and wait until the web has delivered it. Status 1: it was not."""
    found = _alerts(session)
    message = found.test(channel)
    session.audit("test_alert_channel", channel)
    until = time.monotonic() + TEST_SECONDS
    while time.monotonic() < until:
        sent = found.message(message.id)
        if sent.status is MessageStatus.SENT:
            return say(f"Channel {channel} took the message. {sent.answer}")
        if sent.tries:
            raise TestFailed(f"Channel {channel} did not take the message. {sent.answer}")
        time.sleep(0.2)
    raise TestFailed("Nobody has sent the message yet. Is the web running, with this ALERTS_FILE?")


def _alerts(session: Session) -> Alerts:
    desk = session.desk
    return Alerts(desk.redis, desk.catalog, read_alerts_file(session.settings))
