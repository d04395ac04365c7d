"""Failures by their cause: list them, retry their jobs, mute, resolve and reopen them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, request

from taskdesk.jobs.actions import RETRY
from taskdesk.jobs.cause import State
from taskdesk.jobs.cause_actions import CAUSE_ACTIONS, CauseAction
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.schema_rules import sentence
from taskdesk.web.access.roles import needs
from taskdesk.web.body_limits import JSON_BYTES, takes
from taskdesk.web.bulk import act_on_all, matching_ids
from taskdesk.web.context import desk
from taskdesk.web.exchange import user_name
from taskdesk.web.forms import json_object
from taskdesk.web.links import cause_object, page_object
from taskdesk.web.query import PAGED, page_limit, read_count, single_values

_PARAMETERS = ("state", "task", *PAGED)


def add_routes(bp: Blueprint) -> None:
    bp.get("/failures")(list_failures)
    bp.get("/failures/<cause_id>")(show_failure)
    bp.post("/failures/<cause_id>/retry")(retry_failure)
    for action in CAUSE_ACTIONS.values():
        path, endpoint = f"/failures/<cause_id>/{action.name}", f"{action.name}_failure"
        bp.add_url_rule(path, endpoint, _view(action), methods=["POST"])


def list_failures() -> tuple[dict[str, Any], int, dict[str, str]]:
    query = single_values(request.args)
    unknown = sorted(query.keys() - set(_PARAMETERS))
    if unknown:
        raise InvalidArguments([FieldError(f"/{name}", sentence("enum", [*_PARAMETERS])) for name in unknown])
    limit, cursor = page_limit(query, 50), query.get("cursor")
    causes, following = desk().causes.page(limit, cursor, state=_state(query), task=query.get("task"))
    return page_object([cause_object(cause) for cause in causes], following, query)


def show_failure(cause_id: str) -> dict[str, Any]:
    return cause_object(desk().causes.get(cause_id))


@needs(RETRY.role)
@takes(JSON_BYTES)
def retry_failure(cause_id: str) -> dict[str, Any]:
    """Retry the jobs of a cause that nobody has retried, if they are `expected_count`."""
    body = json_object(request)
    unknown = sorted(body.keys() - {"expected_count"})
    if unknown:
        raise InvalidArguments([FieldError(f"/{name}", "There is no such member.") for name in unknown])
    expected = read_count(body, "expected_count")
    cause = desk().causes.get(cause_id)
    ids = matching_ids(Filter(cause=cause.id), expected)
    return {"action": RETRY.name, "count": len(ids), "outcomes": act_on_all(RETRY, ids)}


def _view(action: CauseAction) -> Callable[[str], dict[str, Any]]:
    @needs(action.role)
    def change_failure(cause_id: str) -> dict[str, Any]:
        return cause_object(desk().causes.change(cause_id, action.state, user_name()))

    return change_failure


def _state(query: Mapping[str, str]) -> State | None:
    if "state" not in query:
        return None
    try:
        return State(query["state"])
    except ValueError:
        raise InvalidArguments([FieldError("/state", sentence("enum", [*State]))]) from None
