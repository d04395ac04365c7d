"""The page of the alerts: what fires, the rules, the channels by name, and the last messages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.alerts.rules import DEFAULTS, FIELDS, KINDS
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.exchange import user_name

_NUMBERS = ("count", "minutes", "seconds", "window")
_SILENCES = {"0": "", "3600": "1 hour", "14400": "4 hours", "86400": "1 day", "604800": "1 week"}


def add_routes(bp: Blueprint) -> None:
    bp.get("/alerts")(list_alerts)
    bp.post("/alerts/rules")(put_alert_rule)
    bp.post("/alerts/rules/<name>/delete")(delete_alert_rule)
    bp.post("/alerts/rules/<name>/silence")(silence_alert_rule)
    bp.post("/alerts/channels/<name>/test")(test_alert_channel)


def list_alerts() -> str:
    return _page({}, [])


@needs("operator")
def put_alert_rule() -> Response | tuple[str, int]:
    """Make a rule of the form. With a wrong value, the page comes again and says so."""
    form = request.form
    errors: list[FieldError] = []
    values: dict[str, Any] = {"when": form.get("when", ""), "channels": form.getlist("channels")}
    values |= {name: text for name in ("task", "queue") if (text := form.get(name, "").strip())}
    for name in _NUMBERS:
        if text := form.get(name, "").strip():
            is_number = text.isascii() and text.isdecimal() and len(text) < 10
            values[name] = int(text) if is_number else text
    values["details"] = form.get("details") == "on"
    try:
        desk().alerts.put_rule(form.get("name", "").strip(), values)
    except InvalidArguments as error:
        errors = list(error.errors)
    return (_page(form, errors), 422) if errors else _back("rules")


@needs("operator")
def delete_alert_rule(name: str) -> Response:
    desk().alerts.delete_rule(name)
    return _back("rules")


@needs("operator")
def silence_alert_rule(name: str) -> Response:
    """Silence a rule for `seconds`, or end that with 0."""
    seconds = request.form.get("seconds", "")
    if seconds == "0":
        desk().alerts.end_silence(name)
    else:
        number = int(seconds) if seconds in _SILENCES else 0
        desk().alerts.silence(name, number, user_name(), request.form.get("reason", "").strip())
    return _back("rules")


@needs("operator")
def test_alert_channel(name: str) -> Response:
    desk().alerts.test(name)
    return _back("messages")


def _back(part: str) -> Response:
    return redirect(url_for("pages.list_alerts", _anchor=part), 303)


def _page(form: Any, errors: list[FieldError]) -> str:
    alerts = desk().alerts
    return render_template(
        "alerts.html",
        found=alerts.overview(),
        file=alerts.file,
        messages=alerts.outbox.last(20),
        kinds=KINDS,
        fields=FIELDS,
        defaults=DEFAULTS,
        silences={seconds: words for seconds, words in _SILENCES.items() if words},
        form=form,
        errors={error.pointer.strip("/").partition("/")[0]: error.detail for error in errors},
    )
