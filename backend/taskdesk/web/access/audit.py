"""One log line for each write: who did what, to which job or queue, from where. Also of one that was refused."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request

from taskdesk.service.accounts import Identity
from taskdesk.web.access.auth import is_write

log = structlog.get_logger("audit")


def install(app: Flask) -> None:
    app.after_request(_note)


def write_audit(
    user: Identity | None, what: str, subject: str, status: int, client: str | None, request_id: str, count: int = 1
) -> None:
    log.info(
        "audit",
        who=user.name if user else "",
        token=user.token if user else "",
        what=what,
        subject=subject,
        count=count,
        status=status,
        client=client,
        request_id=request_id,
    )


def _note(response: Response) -> Response:
    if is_write():
        made = g.get("made", [])
        args = request.view_args or {}
        subject = args.get("job_id") or (made[0] if made else args.get("name", ""))
        what = (request.endpoint or "nothing").rpartition(".")[2]
        count = len(made) or 1
        write_audit(g.get("user"), what, subject, response.status_code, request.remote_addr, g.request_id, count)
    return response
