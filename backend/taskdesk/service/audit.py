"""The audit line of rq-dashboard and the command line. The web's own (web/access/audit.py) looks the same."""

from __future__ import annotations

import logging

log = logging.getLogger("audit")


def write_audit(who: str, what: str, subject: str, **more: str | int) -> None:
    """`who` did `what` to `subject`: a job, a queue, a task, a user or a token."""
    log.info("audit", extra={"about": {"who": who, "what": what, "subject": subject, **more}})
