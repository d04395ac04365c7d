"""Write a message in the form that each kind of channel takes. Texts of jobs are never markup.

Slack: an incoming webhook, with blocks; `plain_text` has no markup. Teams: an Adaptive Card for a workflow that begins
with "When a Teams webhook request is received" (Microsoft has retired the older connectors and their MessageCard); a
TextRun has no markup. ntfy: publishing as JSON, at the server's root.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from taskdesk.jobs.alerts.channels import Mail, Ntfy, Slack, Teams, Webhook
from taskdesk.jobs.alerts.message import Event, Message

MAX_NTFY_BYTES = 3500  # of 4096; ntfy turns a longer message into an attachment
OPEN = "Open Taskdesk"
_PRIORITY = {Event.FIRED: 4, Event.RECOVERED: 3, Event.TEST: 3}  # of ntfy: 4 is high, 3 the default
_TAGS = {Event.FIRED: "rotating_light", Event.RECOVERED: "white_check_mark", Event.TEST: "bell"}
_COLORS = {Event.FIRED: "attention", Event.RECOVERED: "good", Event.TEST: "accent"}  # of Adaptive Cards


@dataclass(frozen=True)
class Post:
    """A request that sends a message. Its address and headers are secrets."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def post_for(channel: Any, message: Message, address: str) -> Post:
    """Return the request that sends the message to a channel other than mail. `address`: where the desk is found."""
    url, content, headers = _POSTS[type(channel)](channel, message, link_of(message, address))
    return Post(url, json.dumps(content, ensure_ascii=False).encode(), headers)


def link_of(message: Message, address: str) -> str:
    return address + message.path if address else ""


def _webhook(channel: Webhook, message: Message, link: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    data: dict[str, Any] = {"id": message.id, "rule": message.rule, "when": message.when, "title": message.title}
    data |= {"lines": [*message.lines], "url": link or None}
    content = {"type": f"alert.{message.event}", "timestamp": message.time, "data": data}
    return channel.url.get_secret_value(), content, {}


def _slack(channel: Slack, message: Message, link: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    blocks: list[dict[str, Any]] = [_slack_text("header", message.heading[:150])]
    if message.lines:
        blocks.append(_slack_text("section", "\n".join(message.lines)[:3000]))
    if link:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{_escaped(link)}|{OPEN}>"}})
    return channel.url.get_secret_value(), {"text": _escaped(message.heading), "blocks": blocks}, {}


def _slack_text(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": {"type": "plain_text", "text": text, "emoji": False}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "%7C")


def _teams(channel: Teams, message: Message, link: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    heading = {"type": "TextRun", "text": message.heading, "weight": "bolder", "color": _COLORS[message.event]}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_card_line({**heading, "size": "medium"}), *(_card_line(_plain(line)) for line in message.lines)],
        "actions": [{"type": "Action.OpenUrl", "title": OPEN, "url": link}] if link else [],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return channel.url.get_secret_value(), {"type": "message", "attachments": [attachment]}, {}


def _card_line(run: dict[str, str]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [run]}


def _plain(text: str) -> dict[str, str]:
    return {"type": "TextRun", "text": text}


def _ntfy(channel: Ntfy, message: Message, link: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    text = "\n".join(message.lines) or message.heading
    content: dict[str, Any] = {
        "topic": channel.topic.get_secret_value(),
        "title": message.heading,
        "message": text.encode()[:MAX_NTFY_BYTES].decode(errors="ignore"),
        "priority": _PRIORITY[message.event],
        "tags": [_TAGS[message.event]],
    }
    token = channel.token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return channel.url.get_secret_value(), {**content, "click": link} if link else content, headers


_POSTS: dict[type, Callable[[Any, Message, str], tuple[str, dict[str, Any], dict[str, str]]]] = {
    Webhook: _webhook,
    Slack: _slack,
    Teams: _teams,
    Ntfy: _ntfy,
}


def mail_for(channel: Mail, message: Message, address: str) -> EmailMessage:
    """Return the mail. Every attempt to send it has the same Message-ID, so that a mailbox may drop a second one."""
    mail = EmailMessage()
    mail["Subject"] = f"[Taskdesk] {message.heading}"
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    mail["Message-ID"] = f"<{message.id}@{channel.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    link = link_of(message, address)
    mail.set_content("\n".join([message.heading, "", *message.lines, *(["", link] if link else [])]) + "\n")
    return mail
