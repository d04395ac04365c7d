"""The scripts of alerts, and the limits that they keep. They stand in `lua/`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from taskdesk.jobs.scripts import Script

MAX_LOG = 100  # of the last messages
MAX_WAITING = 1000  # messages for one channel


class MessageStatus(StrEnum):
    """WAITING: for its first attempt, or for the next one. FAILED: it is not tried again."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


CONSTANTS = {
    **{f"{status.name}_MESSAGE": status.value for status in MessageStatus},
    "TOO_MANY": f"More than {MAX_WAITING:,} messages waited for the channel.",
    "MAX_LOG": MAX_LOG,
    "MAX_WAITING": MAX_WAITING,
    "MESSAGE_TTL_SECONDS": 7 * 24 * 3600,
    "ALERTS_TTL_SECONDS": 30 * 24 * 3600,
}


def _script(name: str) -> Script:
    return Script(Path(__file__).parent / "lua" / f"{name}.lua", CONSTANTS)


APPLY = _script("apply")
ADD_MESSAGE = _script("add_message")
CLAIM_MESSAGES = _script("claim_messages")
SETTLE_MESSAGE = _script("settle_message")
