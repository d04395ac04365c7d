"""Alerts, rules, channels and messages as JSON objects, for API and command line."""

from __future__ import annotations

from typing import Any

from taskdesk.jobs.alerts.alerts import Alerts, Firing, RuleState
from taskdesk.jobs.alerts.outbox import SentMessage
from taskdesk.jobs.representations import time_text


def firing_object(firing: Firing) -> dict[str, Any]:
    return {
        "rule": firing.rule,
        "title": firing.title,
        "page": firing.path,
        "since": time_text(firing.since),
        "fired_at": time_text(firing.fired_at),
        "notified": firing.is_notified,
    }


def rule_object(state: RuleState) -> dict[str, Any]:
    rule, silence = state.named.rule, state.silence
    return {
        "name": state.named.name,
        **rule.model_dump(mode="json"),
        "window": rule.recovers_after,
        "source": state.named.source,
        "firing": state.firing,
        "silenced_until": time_text(state.silence_ends),
        "silenced_by": silence and (silence.by or None),
        "silence_reason": silence and (silence.reason or None),
        "fault": state.fault or None,
    }


def channel_objects(alerts: Alerts) -> list[dict[str, str]]:
    return [{"name": name, "kind": channel.kind} for name, channel in alerts.file.channels.items()]


def message_object(sent: SentMessage) -> dict[str, Any]:
    message = sent.message
    return {
        "id": message.id,
        "channel": sent.channel,
        "event": message.event,
        "rule": message.rule or None,
        "title": message.title,
        "lines": list(message.lines),
        "status": sent.status,
        "tries": sent.tries,
        "answer": sent.answer or None,
        "created_at": message.time,
        "attempted_at": time_text(sent.at),
    }
