"""Audit lines of rq-dashboard: one for each write, also if it was refused."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

from taskdesk.service.audit import write_audit
from taskdesk.service.hosts import SAFE_METHODS


def install(app: Flask) -> None:
    app.after_request(_audit)


def _audit(response: Response) -> Response:
    if request.method not in SAFE_METHODS:
        args = request.view_args or {}
        subject = str(args.get("job_id") or args.get("queue_name", ""))
        what = (request.endpoint or "nothing").rpartition(".")[2].removesuffix("_view")
        client = request.remote_addr or ""
        fields = {"status": response.status_code, "client": client, "request_id": g.request_id}
        redis = current_app.redis_conn  # type: ignore[attr-defined]
        write_audit(g.get("user", ""), what, subject, redis=redis, **fields)
    return response
