"""The messages on their way to their channels, and how the last ones fared.

A message is a hash: `channel`, `message` (JSON), `status`, `tries`, `since`, `answer` (of the other side, or
why it could not be reached) and `at` (of the last attempt). It has no address and no password: who sends it has the
file. The steps are scripts, so nothing is lost when a sender dies; then the channel may get the message twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from redis import Redis

from taskdesk.jobs.alerts.message import Message
from taskdesk.jobs.alerts.scripts import ADD_MESSAGE, CLAIM_MESSAGES, MAX_LOG, SETTLE_MESSAGE, MessageStatus
from taskdesk.jobs.damage import number_or_zero
from taskdesk.jobs.keys import ALERTS_COUNTS, ALERTS_LOG, alert_message_key
from taskdesk.jobs.retries import Backoff

LEASE_SECONDS = 60  # for one attempt, which takes half of it at most
BACKOFF = Backoff(first=5, factor=3, most=600)  # 5 s, 15 s, 45 s … 10 min
GIVE_UP_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Claimed:
    """A message to send now. `message` is None if somebody has damaged it. `since`: Unix seconds."""

    id: str
    channel: str
    message: Message | None
    tries: int
    since: float


@dataclass(frozen=True)
class SentMessage:
    """How a message fared. `at`: the last attempt; `answer`: its outcome, empty before the first one."""

    message: Message
    channel: str
    status: MessageStatus
    tries: int
    answer: str
    at: datetime | None


class Outbox:
    def __init__(self, redis: Redis):
        self._redis = redis

    def add(self, channel: str, message: Message) -> None:
        ADD_MESSAGE(self._redis, message.id, channel, message.dump())

    def claim(self) -> list[Claimed]:
        """Take the messages that are due, one of each channel at most."""
        return [
            Claimed(id.decode(), channel.decode(), _message(text), int(tries), float(since))
            for id, channel, text, tries, since in CLAIM_MESSAGES(self._redis, LEASE_SECONDS)
        ]

    def settle(self, one: Claimed, status: MessageStatus, answer: str, delay: float = 0) -> None:
        """Store the outcome. `delay`: if the message waits, the seconds until it is tried again."""
        SETTLE_MESSAGE(self._redis, one.id, one.channel, status, answer, delay)

    def last(self, limit: int = MAX_LOG) -> list[SentMessage]:
        """Return the last messages, the newest first, MAX_LOG at most."""
        ids = [id.decode() for id in self._redis.lrange(ALERTS_LOG, 0, limit - 1)]
        with self._redis.pipeline(transaction=False) as pipeline:
            for id in ids:
                pipeline.hgetall(alert_message_key(id))
            stored = pipeline.execute(raise_on_error=False)
        return [sent for fields in stored if isinstance(fields, dict) and (sent := _sent(fields))]

    def get(self, message_id: str) -> SentMessage | None:
        return _sent(self._redis.hgetall(alert_message_key(message_id)))

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many messages were sent and failed: by channel and status."""
        counts = {}
        for name, number in self._redis.hgetall(ALERTS_COUNTS).items():
            channel, _, status = name.decode(errors="replace").rpartition(" ")
            counts[channel, status] = int(number_or_zero(number))
        return counts


def _message(text: bytes | None) -> Message | None:
    try:
        return Message.load(text or b"")
    except (ValueError, TypeError, KeyError):
        return None


def _sent(stored: Mapping[bytes, bytes]) -> SentMessage | None:
    texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in stored.items()}
    message, status = _message(stored.get(b"message")), texts.get("status", "")
    if not message or status not in [*MessageStatus]:
        return None
    at = number_or_zero(texts.get("at", "0"))
    return SentMessage(
        message,
        texts.get("channel", ""),
        MessageStatus(status),
        int(number_or_zero(texts.get("tries", "0"))),
        texts.get("answer", texts.get("said", "")),
        datetime.fromtimestamp(at, UTC) if 0 < at < 4e9 else None,
    )
