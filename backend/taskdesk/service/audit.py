"""The audit log: one line for each write, whether web, rq-dashboard or command line made it."""

from __future__ import annotations

import logging
from typing import Any

from taskdesk.service.logs import log_event

log = logging.getLogger("audit")


def write_audit(who: str, what: str, subject: str, **fields: Any) -> None:
    """Log that `who` did `what` to `subject`: a job, queue, schedule, task, user or token."""
    log_event(log, "audit", who=who, what=what, subject=subject, **fields)
