"""The audit log, for operators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from taskdesk.service.audit import AuditLine
from taskdesk.web.access.roles import shows_to
from taskdesk.web.audit_query import read_audit
from taskdesk.web.links import page_object
from taskdesk.web.query import single_values


def add_routes(bp: Blueprint) -> None:
    bp.get("/audit")(list_audit)


@shows_to("operator")
def list_audit() -> tuple[dict[str, Any], int, dict[str, str]]:
    query = single_values(request.args)
    lines, following = read_audit(query)
    return page_object([_object(line) for line in lines], following, query)


def _object(line: AuditLine) -> dict[str, Any]:
    return {**vars(line), "time": line.time.isoformat(timespec="milliseconds")}
