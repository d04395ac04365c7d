"""Audit lines of the web: one for each write, also if it was refused."""

from __future__ import annotations

from redis import Redis

from taskdesk.service.audit import write_audit
from taskdesk.web.exchange import Exchange


def audit(exchange: Exchange, status: int, redis: Redis) -> None:
    """Log the user, the action and its subject, if the request is a write. Redis keeps it for the page."""
    if not exchange.access.writes:
        return
    user, ids, args = exchange.user, exchange.job_ids, exchange.view_args
    write_audit(
        user.name if user else "",
        (exchange.endpoint or "nothing").rpartition(".")[2],
        args.get("job_id") or args.get("schedule_id") or args.get("cause_id") or _other_subject(exchange),
        token=user.token if user else "",
        count=len(ids) or 1,
        status=status,
        client=exchange.client,
        request_id=exchange.request_id,
        redis=redis,
    )


def _other_subject(exchange: Exchange) -> str:
    ids = exchange.job_ids
    return exchange.subject or (ids[0] if ids else exchange.view_args.get("name", ""))
