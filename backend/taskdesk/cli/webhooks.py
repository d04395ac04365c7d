"""The commands about webhooks: what was sent about a job, sent again; addresses that are switched off."""

from __future__ import annotations

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import format_time, json_flag, print_json, print_lines, print_table, say
from taskdesk.jobs.deliveries import Delivery
from taskdesk.jobs.errors import DeliveryNotFound, FieldError, InvalidArguments
from taskdesk.jobs.representations import delivery_object, time_text
from taskdesk.service.outbound import shown_url


@click.group()
def webhook() -> None:
    """Show and repeat what was sent to webhooks."""


@webhook.command("log")
@click.argument("job_id", metavar="ID")
@json_flag
@pass_session
def show_log(session: Session, job_id: str, as_json: bool) -> None:
    """List what was sent about a job, each attempt in a line."""
    session.desk.jobs.get(job_id)
    found = session.desk.deliveries.of(job_id)
    if as_json:
        print_json({"data": [delivery_object(delivery) for delivery in found]})
        return
    rows = [row for delivery in found for row in _rows(delivery)]
    print_lines(
        ("DELIVERY", "STATUS", "ATTEMPT (UTC)", "ANSWER", "TOOK", "ERROR"), rows, dropped=("TOOK",), shortened="ERROR"
    )


def _rows(delivery: Delivery) -> list[tuple[object, ...]]:
    attempts = [
        (format_time(one.at), one.status or "none", f"{one.seconds:.2f} s", one.error) for one in delivery.attempts
    ]
    return [(delivery.id, delivery.status, *attempt) for attempt in attempts or [("", "", "", delivery.hold)]]


@webhook.command("redeliver")
@click.argument("job_id", metavar="ID")
@click.argument("delivery_id", metavar="[DELIVERY]", required=False)
@pass_session
def redeliver(session: Session, job_id: str, delivery_id: str | None) -> None:
    """Send a delivery of a job again, the last one if DELIVERY is left out."""
    session.desk.jobs.get(job_id)
    if not delivery_id:
        found = session.desk.deliveries.of(job_id)
        if not found:
            raise DeliveryNotFound("")
        delivery_id = found[0].id
    session.desk.deliveries.redeliver(job_id, delivery_id)
    session.audit("redeliver", job_id)
    say(f"Delivery {delivery_id} is on its way.")


@webhook.command("status")
@json_flag
@pass_session
def show_status(session: Session, as_json: bool) -> None:
    """Count the deliveries, and list the addresses that are switched off."""
    figures, off = session.desk.deliveries.figures(), session.desk.deliveries.switched_off()
    if as_json:
        since = [{"url": shown_url(url), "since": time_text(at)} for url, at in off.items()]
        print_json({"deliveries": figures, "switched_off": since})
        return
    print_table(("WAITING", "DELIVERED", "FAILED"), [[figures[one] for one in ("waiting", "delivered", "failed")]])
    for url, at in off.items():
        say(f"{shown_url(url)} is switched off since {format_time(at)} UTC.")


@webhook.command("switch-on")
@click.argument("url")
@pass_session
def switch_on(session: Session, url: str) -> None:
    """Switch the address URL on again, whose receiver answered 410 (Gone)."""
    if not session.desk.deliveries.switch_on(url):
        raise InvalidArguments([FieldError("/URL", "This address is not switched off.")])
    session.audit("switch_on_webhook", shown_url(url))
    say(f"{shown_url(url)} is switched on.")
