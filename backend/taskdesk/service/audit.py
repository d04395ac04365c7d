"""The audit log: one line for each write, whether web, rq-dashboard or command line made it.

The log of the process has all lines. Redis has the last MAX_KEPT, for the page and the API, but no submits, which the
list of jobs shows, and nothing that anybody could write without a login, except attempts to log in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.service.key_prefix import KEY_PREFIX
from taskdesk.service.logs import log_event

AUDIT_KEY = f"{KEY_PREFIX}:audit"  # stream: the fields of AuditLine
MAX_KEPT = 10_000
MAX_FIELD = 200  # characters
_BATCH = 500
_SUBMITS = {"create_job", "create_jobs", "add_job", "run_task", "image_page", "create"} | {
    f"start_{what}" for what in ("task", "heavy", "sleep")
}
_LOGINS = {"log_in", "set_password"}
_CURSOR = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")

log = logging.getLogger("audit")


@dataclass(frozen=True)
class AuditLine:
    """`token`: the name of the token, if one was used. `status`: that of HTTP; 0 for the command line."""

    id: str
    who: str
    what: str
    subject: str
    token: str = ""
    count: int = 1
    status: int = 0
    client: str = ""
    request_id: str = ""

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(int(self.id.partition("-")[0]) / 1000, UTC)


def write_audit(who: str, what: str, subject: str, *, redis: Redis | None = None, **fields: Any) -> None:
    """Log that `who` did `what` to `subject`: a job, queue, schedule, task, user or token. `redis` keeps it, too."""
    log_event(log, "audit", who=who, what=what, subject=subject, **fields)
    if redis is not None and _is_kept(who, what, fields.get("status", 0)):
        keep_audit(redis, who, what, subject, **fields)


def keep_audit(redis: Redis, who: str, what: str, subject: str, **fields: Any) -> None:
    """Keep a line in Redis. If Redis does not take it, only the log has it."""
    line = {"who": who, "what": what, "subject": subject, **fields}
    try:
        redis.xadd(AUDIT_KEY, {name: str(value)[:MAX_FIELD] for name, value in line.items()}, maxlen=MAX_KEPT)
    except RedisError as error:
        log.warning("Redis did not take an audit line, which only this log has: %s", error)


def audit_page(
    redis: Redis, limit: int, cursor: str | None, fits: Callable[[AuditLine], bool]
) -> tuple[list[AuditLine], str | None]:
    """Return the newest lines that fit, and the cursor of the next page. Raises ValueError for a wrong cursor."""
    if cursor and not _CURSOR.fullmatch(cursor):
        raise ValueError("Must be the next_cursor of a page.")
    found: list[AuditLine] = []
    before = f"({cursor}" if cursor else "+"
    while entries := redis.xrevrange(AUDIT_KEY, before, "-", count=_BATCH):
        for entry_id, fields in entries:
            line = _line(entry_id.decode(), fields)
            if fits(line):
                if len(found) == limit:
                    return found, found[-1].id
                found.append(line)
        before = f"({entries[-1][0].decode()}"
    return found, None


def _is_kept(who: str, what: str, status: int) -> bool:
    return what not in _SUBMITS and (bool(who) or what in _LOGINS) and status not in (429, 503)


def _line(entry_id: str, fields: dict[bytes, bytes]) -> AuditLine:
    texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    names = ("who", "what", "subject", "token", "client", "request_id")
    who, what, subject, token, client, request_id = (texts.get(name, "") for name in names)
    count, status = _number(texts.get("count", "1")), _number(texts.get("status", "0"))
    return AuditLine(entry_id, who, what, subject, token, count, status, client, request_id)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
