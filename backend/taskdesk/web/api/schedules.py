"""Schedules: list, create, change, pause, run and delete them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.schedules.representation import preview_objects, schedule_objects
from taskdesk.jobs.schedules.schedule import TAG, Schedule
from taskdesk.jobs.schedules.store import PAUSE_FIELDS
from taskdesk.service import clock
from taskdesk.web.access.roles import needs, reads
from taskdesk.web.api.tasks import accepted
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange, user_name
from taskdesk.web.forms import json_object
from taskdesk.web.links import page_object
from taskdesk.web.query import page_limit, single_values


def add_routes(bp: Blueprint) -> None:
    bp.get("/schedules")(list_schedules)
    bp.post("/schedules")(create_schedule)
    bp.post("/schedules:preview")(preview_schedule)
    bp.get("/schedules/<schedule_id>")(show_schedule)
    bp.patch("/schedules/<schedule_id>")(change_schedule)
    bp.delete("/schedules/<schedule_id>")(delete_schedule)
    bp.post("/schedules/<schedule_id>/run")(run_schedule)


def list_schedules() -> tuple[dict[str, Any], int, dict[str, str]]:
    query = single_values(request.args)
    offset, limit = page_offset(query), page_limit(query, 50)
    found, total = desk().schedules.page(offset, limit)
    following = str(offset + limit) if offset + limit < total else None
    return page_object(_objects(*found), following, query, total=total)


def page_offset(query: Mapping[str, str]) -> int:
    """Return the place in the list that the query's `cursor` names. Raises InvalidArguments."""
    text = query.get("cursor", "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidArguments([FieldError("/cursor", "This is not a cursor of this list.")])
    return int(text)


@needs("user")
def create_schedule() -> ResponseReturnValue:
    values = _values()
    schedule_id = values.pop("id", None) or ""
    if not isinstance(schedule_id, str):
        raise InvalidArguments([FieldError("/id", "This has to be text.")])
    made = desk().schedules.create(values, schedule_id=schedule_id, owner=user_name())
    current_exchange().subject = made.id
    [shown] = _objects(made)
    return shown, 201, {"Location": shown["links"]["self"]}


@reads
def preview_schedule() -> dict[str, Any]:
    """Return the next five slots of a schedule that is not created. It needs the fields of the time, and no others."""
    definition = desk().schedules.timed(_values())
    return {"next": preview_objects(definition, clock.now())}


def show_schedule(schedule_id: str) -> dict[str, Any]:
    return _objects(desk().schedules.get(schedule_id))[0]


@needs("user")
def change_schedule(schedule_id: str) -> dict[str, Any]:
    """Change the fields that the body names. `{"paused": true, "reason": "…"}` pauses, `{"paused": false}` resumes."""
    schedules, values = desk().schedules, _values(schedule_id)
    pause = {name: values.pop(name) for name in PAUSE_FIELDS if name in values}
    paused, reason = pause.get("paused"), pause.get("reason") or ""
    if "paused" in pause and not isinstance(paused, bool):
        raise InvalidArguments([FieldError("/paused", "This has to be true or false.")])
    if not isinstance(reason, str) or (reason and not paused):
        raise InvalidArguments([FieldError("/reason", "This has to be text, beside paused: true.")])
    schedule = schedules.change(schedule_id, values) if values or not pause else schedules.get(schedule_id)
    if paused is not None:
        schedule = schedules.pause(schedule_id, reason, user_name()) if paused else schedules.resume(schedule_id)
    return _objects(schedule)[0]


@needs("user")
def delete_schedule(schedule_id: str) -> tuple[str, int]:
    desk().schedules.delete(schedule_id)
    return "", 204


@needs("user")
def run_schedule(schedule_id: str) -> ResponseReturnValue:
    """Create a job of the schedule now; its slots stay as they are."""
    return accepted(desk().run_schedule(schedule_id), 0)


def _values(schedule_id: str = "") -> dict[str, Any]:
    """Return the JSON object of the request, with numbers as exact as the task takes them."""
    values = json_object(request)
    name = values.get("task") or (desk().schedules.get(schedule_id).definition.task if schedule_id else "")
    spec = desk().catalog.read().tasks.get(name) if isinstance(name, str) else None
    return json_object(request, schema={"properties": {"arguments": spec.input_schema}}) if spec else values


def _objects(*schedules: Schedule) -> list[dict[str, Any]]:
    return [{**shown, "links": _links(shown["id"])} for shown in schedule_objects(desk(), schedules)]


def _links(schedule_id: str) -> dict[str, str]:
    return {
        "self": url_for("api.show_schedule", schedule_id=schedule_id),
        "run": url_for("api.run_schedule", schedule_id=schedule_id),
        "jobs": url_for("api.list_jobs", tag=TAG + schedule_id),
    }
