"""Actions on jobs: on one, or on all that match a filter. jobs/actions.py has the table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from taskdesk.jobs.action import Action, act_on_one
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.errors import MAX_ERRORS, FieldError, InvalidArguments
from taskdesk.jobs.schema_rules import sentence
from taskdesk.web.access.roles import needs
from taskdesk.web.api.tasks import accepted, idempotency_key
from taskdesk.web.body_limits import JSON_BYTES, SMALL_BYTES, takes
from taskdesk.web.bulk import act_on_all, matching_ids
from taskdesk.web.context import desk
from taskdesk.web.forms import json_object
from taskdesk.web.links import action_address, job_object, status_of_effect
from taskdesk.web.query import faults_of_count, job_filter
from taskdesk.web.streams.waiting import preferred_wait

_MEMBERS = {"action", "filter", "expected_count"}


def add_routes(bp: Blueprint) -> None:
    for action in ACTIONS.values():
        method, path = action_address(action, "/jobs/<job_id>")
        bp.add_url_rule(path, f"{action.name}_job", _view(action), methods=[method])
    bp.post("/jobs:bulk")(bulk)


def _view(action: Action) -> Callable[[str], ResponseReturnValue]:
    @needs(action.role)
    @takes(JSON_BYTES if action.option else SMALL_BYTES)
    def act_on_job(job_id: str) -> ResponseReturnValue:
        if action.makes_job:
            return _make_job(action, job_id)
        outcome = act_on_one(desk(), action, job_id, **_option(action))
        if action.removes_job:
            return "", 204
        status = status_of_effect(action, outcome.effect) if outcome.effect else 200
        return job_object(desk().jobs.get(job_id), whole=True), status

    return act_on_job


def _option(action: Action) -> dict[str, Any]:
    """Return the value of the action's option from the body of the request; nothing if it has none."""
    if not action.option:
        return {}
    body, name = json_object(request), action.option.name
    if unknown := sorted(body.keys() - {name})[:MAX_ERRORS]:
        raise InvalidArguments([FieldError(f"/{one}", "There is no such member.") for one in unknown])
    return {name: action.option.read(desk(), body.get(name))}


def _make_job(action: Action, job_id: str) -> ResponseReturnValue:
    seconds, key = preferred_wait(request), idempotency_key(request)
    outcome = act_on_one(desk(), action, job_id, key=key)
    return accepted(cast(Any, outcome.new_job), seconds)


@needs("user")
@takes(JSON_BYTES)
def bulk() -> dict[str, Any]:
    """Do `action` with each job that `filter` matches, if they are `expected_count`."""
    body = json_object(request)
    action, expected = cast(Any, body.get("action")), cast(Any, body.get("expected_count"))
    row = ACTIONS.get(action) if isinstance(action, str) else None
    option = row.option if row else None
    unknown = sorted(body.keys() - _MEMBERS - {option.name if option else ""})[:MAX_ERRORS]
    errors = [FieldError(f"/{name}", "There is no such member.") for name in unknown]
    if not row:
        errors.append(FieldError("/action", sentence("enum", [*ACTIONS])))
    errors += faults_of_count(body, "expected_count")
    if not isinstance(body.get("filter"), dict):
        errors.append(FieldError("/filter", 'Must be an object, such as {"status": "failed"}.'))
    if errors or not row:
        raise InvalidArguments(errors)
    given = {option.name: option.read(desk(), body.get(option.name))} if option else {}
    matching = job_filter(body["filter"], "/filter")
    ids = matching_ids(matching, int(expected), "/filter")
    return {"action": action, "count": len(ids), "outcomes": act_on_all(row, ids, matching, **given)}
