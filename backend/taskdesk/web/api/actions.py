"""What can be done with jobs: cancel, retry, keep, delete; with one, or with all that a filter matches."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, request

from taskdesk.jobs.errors import MOST_ERRORS, FieldError, InvalidArguments
from taskdesk.web.access.roles import needs
from taskdesk.web.api.tasks import Answer, accepted, idempotency_key
from taskdesk.web.bulk import ACTIONS, act, matching_ids
from taskdesk.web.context import desk
from taskdesk.web.forms import json_object
from taskdesk.web.links import job_object
from taskdesk.web.query import job_filter
from taskdesk.web.streams.waiting import preferred_wait


def add_routes(bp: Blueprint) -> None:
    bp.post("/jobs/<job_id>/cancel")(cancel_job)
    bp.post("/jobs/<job_id>/retry")(retry_job)
    bp.post("/jobs/<job_id>/keep")(keep_job)
    bp.delete("/jobs/<job_id>")(delete_job)
    bp.post("/jobs:bulk")(bulk)


@needs("user")
def cancel_job(job_id: str) -> tuple[dict[str, Any], int]:
    """200: it is canceled, or had ended before; 202: it runs, and is being stopped."""
    outcome = desk().change(desk().cancel, job_id)
    return job_object(desk().jobs.get(job_id), whole=True), 202 if outcome == "stopping" else 200


@needs("user")
def retry_job(job_id: str) -> Answer:
    """A new job with the same input."""
    seconds = preferred_wait(request)
    return accepted(desk().retry(desk().jobs.get(job_id), key=idempotency_key(request)), seconds)


@needs("user")
def keep_job(job_id: str) -> dict[str, Any]:
    desk().change(desk().keep, job_id)
    return job_object(desk().jobs.get(job_id), whole=True)


@needs("user")
def delete_job(job_id: str) -> tuple[str, int]:
    desk().change(desk().delete, job_id)
    return "", 204


@needs("user")
def bulk() -> dict[str, Any]:
    """Do `action` with each job that `filter` matches, if they are `expected_count`."""
    body = json_object(request)
    action, expected = cast(Any, body.get("action")), cast(Any, body.get("expected_count"))
    unknown = sorted(body.keys() - _MEMBERS)[:MOST_ERRORS]
    errors = [FieldError(f"/{name}", "There is no such member.") for name in unknown]
    if not (isinstance(action, str) and action in ACTIONS):
        errors.append(FieldError("/action", f"This has to be one of: {', '.join(ACTIONS)}."))
    if type(expected) not in (int, float) or expected < 0 or expected % 1:  # 3.0 is a whole number, too
        errors.append(
            FieldError("/expected_count", "This has to be a whole number: how many jobs you expect to match.")
        )
    if not isinstance(body.get("filter"), dict):
        errors.append(FieldError("/filter", 'This has to be an object, such as {"status": "failed"}.'))
    if errors:
        raise InvalidArguments(errors)
    ids = matching_ids(job_filter(body["filter"], "/filter"), int(expected), "/filter")
    return {"action": action, "count": len(ids), "outcomes": act(action, ids)}


_MEMBERS = {"action", "filter", "expected_count"}
