"""Alerts: what fires, the rules, the channels by name, and the last messages."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, request

from taskdesk.jobs.alerts.representations import channel_objects, firing_object, message_object, rule_object
from taskdesk.jobs.alerts.scripts import MAX_LOG
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.exchange import user_name
from taskdesk.web.forms import json_object
from taskdesk.web.query import page_limit, single_values


def add_routes(bp: Blueprint) -> None:
    bp.get("/alerts")(list_alerts)
    bp.get("/alerts/rules")(list_alert_rules)
    bp.put("/alerts/rules/<name>")(put_alert_rule)
    bp.delete("/alerts/rules/<name>")(delete_alert_rule)
    bp.put("/alerts/rules/<name>/silence")(silence_alert_rule)
    bp.delete("/alerts/rules/<name>/silence")(end_alert_silence)
    bp.get("/alerts/channels")(list_alert_channels)
    bp.post("/alerts/channels/<name>/test")(test_alert_channel)
    bp.get("/alerts/messages")(list_alert_messages)
    bp.get("/alerts/messages/<message_id>")(show_alert_message)


def list_alerts() -> dict[str, Any]:
    found = desk().alerts.overview()
    evaluated = found.evaluated_at and found.evaluated_at.isoformat(timespec="seconds")
    return {
        "data": [firing_object(one) for one in found.firing],
        "evaluated_at": evaluated,
        "faults": [*desk().alerts.file.faults],
    }


def list_alert_rules() -> dict[str, Any]:
    return {"data": [rule_object(state) for state in desk().alerts.overview().rules]}


@needs("operator")
def put_alert_rule(name: str) -> tuple[dict[str, Any], int]:
    """Make a rule, or replace it."""
    is_new = desk().alerts.put_rule(name, json_object(request))
    return rule_object(desk().alerts.rule(name)), 201 if is_new else 200


@needs("operator")
def delete_alert_rule(name: str) -> tuple[str, int]:
    desk().alerts.delete_rule(name)
    return "", 204


@needs("operator")
def silence_alert_rule(name: str) -> dict[str, Any]:
    """Send no messages of a rule for `{"seconds": 3600, "reason": "…"}`."""
    body = json_object(request)
    if unknown := sorted(body.keys() - {"seconds", "reason"}):
        raise InvalidArguments([FieldError(f"/{one}", "There is no such member.") for one in unknown[:10]])
    desk().alerts.silence(name, cast(Any, body.get("seconds")), user_name(), body.get("reason", ""))
    return rule_object(desk().alerts.rule(name))


@needs("operator")
def end_alert_silence(name: str) -> tuple[str, int]:
    desk().alerts.end_silence(name)
    return "", 204


def list_alert_channels() -> dict[str, Any]:
    return {"data": channel_objects(desk().alerts)}


@needs("operator")
def test_alert_channel(name: str) -> tuple[dict[str, Any], int]:
    """Send a message to the channel. Its `status` says later whether it arrived."""
    message = desk().alerts.test(name)
    return message_object(desk().alerts.message(message.id)), 202


def list_alert_messages() -> dict[str, Any]:
    limit = page_limit(single_values(request.args), MAX_LOG)
    return {"data": [message_object(sent) for sent in desk().alerts.outbox.last(limit)]}


def show_alert_message(message_id: str) -> dict[str, Any]:
    return message_object(desk().alerts.message(message_id))
