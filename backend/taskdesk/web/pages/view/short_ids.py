"""Ids of jobs where there is little room."""

from __future__ import annotations

import re

_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def short(job_id: str) -> str:
    """Return the beginning of a random id, and the whole of any other: those of a schedule begin alike."""
    return job_id[:8] if _RANDOM.fullmatch(job_id) else job_id
