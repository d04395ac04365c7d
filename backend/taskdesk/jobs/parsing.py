"""Read times and durations."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from taskdesk.jobs.schema_rules import sentence

_DURATION = re.compile(r"([0-9]{1,5})([smhd])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def read_moment(text: Any) -> datetime:
    """Read a date-time of RFC 3339. Raises ValueError, with a sentence for the user."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        moment = None
    if not moment or not moment.tzinfo:
        raise ValueError(sentence("format", "date-time"))
    return moment


def read_duration(text: Any) -> timedelta:
    """Read a duration such as 90s, 10m, 1h or 3d. Raises ValueError, with a sentence for the user."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError("Must be a number with s, m, h or d, such as 10m.")
    return int(found[1]) * _UNITS[found[2]]
