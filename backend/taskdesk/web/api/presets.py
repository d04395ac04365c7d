"""Presets of a task: named inputs that its form offers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.presets import Preset
from taskdesk.jobs.rq_time import time_text
from taskdesk.web.access.identity import present_user
from taskdesk.web.access.roles import needs
from taskdesk.web.body_limits import JSON_BYTES, takes
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange
from taskdesk.web.forms import json_object


def add_routes(bp: Blueprint) -> None:
    bp.get("/tasks/<name>/presets")(list_presets)
    bp.put("/tasks/<name>/presets/<preset>")(save_preset)
    bp.delete("/tasks/<name>/presets/<preset>")(delete_preset)


def list_presets(name: str) -> dict[str, Any]:
    return {"data": [_object(name, preset) for preset in desk().presets.of(desk().catalog.task(name))]}


@needs("user")
@takes(JSON_BYTES)
def save_preset(name: str, preset: str) -> dict[str, Any]:
    """Save the `input` of the body. Parameters that it leaves out stay as they are on the form."""
    spec = desk().catalog.task(name)
    body = json_object(request, schema={"properties": {"input": spec.input_schema}})
    values = body.get("input")
    if not isinstance(values, dict) or body.keys() != {"input"}:
        raise InvalidArguments([FieldError("/input", 'The body has to be {"input": {…}}, with values of parameters.')])
    current_exchange().subject = f"{name}/{preset}"
    desk().presets.save(spec, preset, values, present_user())
    return _object(name, desk().presets.get(spec, preset))


@needs("user")
def delete_preset(name: str, preset: str) -> tuple[str, int]:
    current_exchange().subject = f"{name}/{preset}"
    desk().presets.delete(desk().catalog.task(name), preset, present_user())
    return "", 204


def _object(task: str, preset: Preset) -> dict[str, Any]:
    links = {"self": url_for("api.save_preset", name=task, preset=preset.name)}
    changed_at = time_text(preset.changed_at)
    shown = {"name": preset.name, "input": preset.input, "owner": preset.owner or None, "changed_at": changed_at}
    return {**shown, "links": links}
