"""Audit lines of the web: one for each write, also if it was refused."""

from __future__ import annotations

from flask import Flask, Response, g, request

from taskdesk.service.accounts import Identity
from taskdesk.service.audit import write_audit
from taskdesk.web.access.roles import is_write


def install(app: Flask) -> None:
    app.after_request(_audit)


def audit_request(
    user: Identity | None, what: str, subject: str, status: int, client: str | None, request_id: str, count: int = 1
) -> None:
    """Log that `user` did `what` to `subject`, by whichever way the request took through the web."""
    name, token = (user.name, user.token) if user else ("", "")
    write_audit(name, what, subject, token=token, count=count, status=status, client=client, request_id=request_id)


def _audit(response: Response) -> Response:
    if is_write():
        made = g.get("made", [])
        args = request.view_args or {}
        subject = args.get("job_id") or (made[0] if made else args.get("name", ""))
        what = (request.endpoint or "nothing").rpartition(".")[2]
        count = len(made) or 1
        audit_request(g.get("user"), what, subject, response.status_code, request.remote_addr, g.request_id, count)
    return response
