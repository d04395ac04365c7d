"""The page of the audit log, for operators: who did what, and when."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from taskdesk.jobs.errors import InvalidArguments
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.roles import shows_to
from taskdesk.web.audit_query import TEXTS, TIMES, read_audit
from taskdesk.web.query import single_values


def add_routes(bp: Blueprint) -> None:
    bp.get("/audit")(list_audit)


@shows_to("operator")
def list_audit() -> str | tuple[str, int]:
    if not authenticator().is_on:
        return render_template("logins_off.html", title="Audit log")
    query = {name: text for name, text in single_values(request.args).items() if text}
    try:
        lines, following = read_audit(query)
        errors = {}
    except InvalidArguments as error:
        lines, following = [], None
        errors = {one.pointer.strip("/"): one.detail for one in error.errors}
    filters = {name: query.get(name, "") for name in (*TEXTS, *TIMES)}
    next_url = f"{request.script_root}{request.path}?{urlencode({**query, 'cursor': following})}" if following else ""
    page = render_template("audit.html", lines=lines, filters=filters, errors=errors, next_url=next_url)
    return (page, 422) if errors else page
