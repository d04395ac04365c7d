"""Each kind of channel gets a message in its own form, in which no text of a job is markup."""

from __future__ import annotations

import json

import pytest

from taskdesk.jobs.alerts.channels import CHANNEL
from taskdesk.jobs.alerts.message import Event, Message, clean, first_lines
from taskdesk.jobs.alerts.templates import mail_for, post_for

EVIL = "*bold* <https://evil.example|click> [click](https://evil.example) & <!channel> @everyone"
MESSAGE = Message(
    "ab12", Event.FIRED, "causes", "first-failure", EVIL, ("one", EVIL), "/jobs?cause=1&task=a", 1_800_000_000
)
ADDRESS = "https://desk.example.org/tasks"
LINK = "https://desk.example.org/tasks/jobs?cause=1&task=a"


def channel(kind, **more):
    return CHANNEL.validate_python({"kind": kind, "url": "https://hooks.example.org/secret", **more})


def sent(kind, message=MESSAGE, address=ADDRESS, **more):
    post = post_for(channel(kind, **more), message, address)
    assert "secret" not in repr(post)
    return json.loads(post.body), post


def test_a_webhook_gets_the_message_as_it_is():
    content, _ = sent("webhook")

    assert content == {
        "type": "alert.fired",
        "timestamp": "2027-01-15T08:00:00+00:00",
        "data": {
            "id": "ab12",
            "rule": "causes",
            "when": "first-failure",
            "title": EVIL,
            "lines": ["one", EVIL],
            "url": LINK,
        },
    }


def test_slack_gets_plain_texts_and_one_link():
    content, _ = sent("slack")

    assert "<" not in content["text"]
    assert [block["type"] for block in content["blocks"]] == ["header", "section", "section"]
    assert [block["text"]["type"] for block in content["blocks"]] == ["plain_text", "plain_text", "mrkdwn"]
    assert content["blocks"][1]["text"]["text"] == f"one\n{EVIL}"
    assert content["blocks"][2]["text"]["text"] == f"<{LINK.replace('&', '&amp;')}|Open Taskdesk>"


def test_teams_gets_an_adaptive_card_whose_texts_have_no_markup():
    content, _ = sent("teams")

    [attachment] = content["attachments"]
    card = attachment["content"]
    assert (content["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [block["inlines"][0]["text"] for block in card["body"]] == [EVIL, "one", EVIL]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open Taskdesk", "url": LINK}]


def test_ntfy_gets_json_for_its_topic_and_its_token():
    content, post = sent("ntfy", topic="desk-alerts", token="tk_1")

    assert (content["topic"], content["title"], content["message"]) == ("desk-alerts", EVIL, f"one\n{EVIL}")
    assert (content["priority"], content["tags"], content["click"]) == (4, ["rotating_light"], LINK)
    assert post.headers == {"Authorization": "Bearer tk_1"}


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams"])
def test_without_an_address_there_is_no_link(kind):
    content, _ = sent(kind, address="")

    assert "/jobs?cause" not in json.dumps(content)


def test_the_longest_message_fits_each_channel():
    line = "é" * 500
    message = Message("a", Event.FIRED, "r", "failures", "é" * 200, first_lines([line] * 50), "/", 0)

    assert message.lines[-1] == "… and 38 more"
    assert max(len(block["text"]["text"]) for block in sent("slack", message)[0]["blocks"]) <= 3000
    assert len(sent("slack", message)[0]["blocks"][0]["text"]["text"]) <= 150
    assert len(sent("ntfy", message, topic="t")[0]["message"].encode()) <= 4096
    assert len(sent("teams", message)[1].body) <= 28_000


def test_a_mail_has_one_subject_line_whatever_the_title_is():
    mail = CHANNEL.validate_python(
        {"kind": "mail", "host": "h", "sender": "desk@example.org", "to": ["a@example.org", "b@example.org"]}
    )
    title = clean("ValueError\r\nBcc: evil@example.org\r\n\r\nHello", 200)
    message = Message("ab12", Event.RECOVERED, "r", "failures", title, ("größer",), "/alerts", 1_800_000_000)

    written = mail_for(mail, message, ADDRESS)

    assert written["Subject"] == "[Taskdesk] Recovered: ValueError Bcc: evil@example.org Hello"
    assert written["To"] == "a@example.org, b@example.org"
    assert "Bcc" not in written
    assert written["Message-ID"] == "<ab12@example.org>"
    assert "größer\n\nhttps://desk.example.org/tasks/alerts\n" in written.get_content()


def test_a_text_becomes_one_line_that_can_be_sent():
    assert clean("a\x00b\u2028c\ud800d\n") == "a b c?d"
    assert clean("x" * 900) == "x" * 499 + "…"
