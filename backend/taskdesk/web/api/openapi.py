"""The OpenAPI 3.1 document: openapi.yaml, the actions of jobs/actions.py, and the tasks of the catalog."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from flask import Blueprint, Response, json, request

from taskdesk.jobs.action import Action, Option
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.arguments import MAX_TAG_CHARACTERS, MAX_TAGS
from taskdesk.jobs.catalog import Announced, TaskSpec
from taskdesk.jobs.schema_rules import is_file, is_file_list
from taskdesk.jobs.status import Status
from taskdesk.jobs.submission import MAX_BATCH
from taskdesk.jobs.submit_options import MAX_DAYS_AHEAD
from taskdesk.jobs.task import LONG_TEXT_FORMAT
from taskdesk.web.context import desk
from taskdesk.web.links import action_address, status_of_effect

_YAML = Path(__file__).with_name("openapi.yaml")
_JOB = "/api/v1/jobs/{job_id}"
_VALUES = ("const", "default", "enum", "examples")  # keywords with values, in which no keyword stands
_JOBS, _BATCH = "/api/v1/tasks/{name}/jobs", "/api/v1/tasks/{name}/jobs:batch"


def add_routes(bp: Blueprint) -> None:
    bp.get("/openapi.json")(show_openapi)


def show_openapi() -> Response:
    text, tag = _rendered(desk().catalog.read(), desk().queues.names, request.script_root)
    response = Response(text, content_type="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@lru_cache(maxsize=4)
def _rendered(announced: Announced, queues: tuple[str, ...], root: str) -> tuple[str, str]:
    text = json.dumps(document(announced, queues, root))
    return text, hashlib.sha256(text.encode()).hexdigest()[:24]


@lru_cache(maxsize=4)
def document(announced: Announced, queues: tuple[str, ...], root: str) -> dict[str, Any]:
    """Return the document; do not change it. `root` is the path under which the application is mounted."""
    shared = static_document()
    paths, schemas = dict(shared["paths"]), dict(shared["components"]["schemas"])
    for spec in announced.tasks.values():
        paths |= _paths(spec, shared["paths"])
        schemas |= _schemas(spec)
    parameters = dict(shared["components"]["parameters"])
    parameters["queue"] = {**parameters["queue"], "schema": {"enum": list(queues)}}
    components = {**shared["components"], "parameters": parameters, "schemas": dict(sorted(schemas.items()))}
    return {**shared, "servers": [{"url": root or "/"}], "paths": paths, "components": components}


@lru_cache(maxsize=1)
def static_document() -> dict[str, Any]:
    """Return the part of the document that does not depend on the catalog; do not change it."""
    description: dict[str, Any] = yaml.safe_load(_YAML.read_text())
    del description["x-shared"]
    parts = description.pop("x-actions")
    for action in ACTIONS.values():
        method, path = action_address(action, _JOB)
        description["paths"].setdefault(path, {})[method.lower()] = _action(action, parts)
    _name_actions(description)
    _state_limits(description)
    return description


def _action(action: Action, parts: dict[str, Any]) -> dict[str, Any]:
    """Return the operation of an action."""
    made = parts["makes_job"] if action.makes_job else {"parameters": [], "responses": {}}
    told = {**parts["option"], "requestBody": _option_body(action.option)} if action.option else {"responses": {}}
    responses = {**parts["any"]["responses"], **parts["refusal"], **made["responses"], **told["responses"]}
    if not action.makes_job:
        content = {} if action.removes_job else parts["job"]
        for effect in action.effects.values():
            responses[str(status_of_effect(action, effect))] = {"description": effect.answer, **content}
    return {
        **parts["any"],
        **told,
        "operationId": f"{action.name}_job",
        "summary": action.summary,
        "parameters": [*parts["any"]["parameters"], *made["parameters"]],
        "responses": responses,
    }


def _option_body(option: Option) -> dict[str, Any]:
    """Return the body of an action that has an option."""
    schema = {"type": "object", "required": [option.name], "properties": {option.name: _described(option)}}
    return {"required": True, "content": {"application/json": {"schema": {**schema, "additionalProperties": False}}}}


def _described(option: Option) -> dict[str, Any]:
    return {**option.schema, "description": option.help}


def _name_actions(description: dict[str, Any]) -> None:
    """Write the names of all actions and outcomes where the document lists them."""
    words = {effect.word: None for action in ACTIONS.values() for effect in action.effects.values()}
    description["components"]["schemas"]["Bulk"]["properties"]["action"] = {"enum": list(ACTIONS)}
    options = [action.option for action in ACTIONS.values() if action.option]
    description["components"]["schemas"]["Bulk"]["properties"] |= {one.name: _described(one) for one in options}
    outcomes = description["components"]["schemas"]["BulkOutcome"]["properties"]["outcomes"]
    outcomes["propertyNames"] = {"enum": [*words, "refused", "skipped"]}
    outcomes["description"] = "Jobs by outcome. Refused: there was no room to retry the job; do it later"
    [manage] = [tag for tag in description["tags"] if tag["name"] == "manage"]
    manage["description"] = ", ".join(ACTIONS).capitalize()


def _state_limits(description: dict[str, Any]) -> None:
    """Write the statuses of a job, and the limits of a submit."""
    parts = description["components"]
    parts["schemas"]["Status"]["enum"] = list(Status)
    at, tags = parts["parameters"]["at"], parts["parameters"]["tags"]["schema"]
    at["description"] = at["description"].format(days=MAX_DAYS_AHEAD)
    tags["maxItems"], tags["items"]["maxLength"] = MAX_TAGS, MAX_TAG_CHARACTERS
    batch = description["paths"][_BATCH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    batch["properties"]["inputs"]["maxItems"] = MAX_BATCH


def _paths(spec: TaskSpec, shared: dict[str, Any]) -> dict[str, Any]:
    """Return the paths of one task, made from those of any task."""
    own = {_JOBS: _submit(spec, shared[_JOBS]["post"])}
    if not spec.file_parameters:
        own[_BATCH] = _submit_many(spec, shared[_BATCH]["post"])
    return {path.replace("{name}", quote(spec.name)): {"post": operation} for path, operation in own.items()}


def _submit(spec: TaskSpec, shared: dict[str, Any]) -> dict[str, Any]:
    operation = _of_task(spec, shared, spec.title, spec.description)
    content = {} if spec.file_parameters else {"application/json": {"schema": _reference(spec, "input")}}
    content["multipart/form-data"] = {"schema": _reference(spec, "form")}
    operation["requestBody"] = {"required": "required" in spec.input_schema, "content": content}
    for status in ("200", "202"):
        operation["responses"][status] = {
            **operation["responses"][status],
            "content": {"application/json": {"schema": _reference(spec, "job")}},
        }
    return operation


def _submit_many(spec: TaskSpec, shared: dict[str, Any]) -> dict[str, Any]:
    operation = deepcopy(_of_task(spec, shared, f"{spec.title.rstrip('.')}: many jobs in one step", ""))
    body = operation["requestBody"]["content"]["application/json"]
    del body["example"]
    body["schema"]["properties"]["inputs"]["items"] = _reference(spec, "input")
    return operation


def _of_task(spec: TaskSpec, shared: dict[str, Any], summary: str, description: str) -> dict[str, Any]:
    return {
        **shared,
        "operationId": f"{shared['operationId']}_of_{spec.name}",
        "tags": ["tasks"],
        "summary": summary,
        "description": description,
        "parameters": shared["parameters"][1:],  # all but the name of the task
        "responses": dict(shared["responses"]),
    }


def _schemas(spec: TaskSpec) -> dict[str, Any]:
    returns = {"type": "object", "properties": {"value": _plain(spec.output_schema or {})}}
    job = {"allOf": [{"$ref": "#/components/schemas/Job"}, {"type": "object", "properties": {"result": returns}}]}
    arguments = _plain(spec.input_schema)
    schemas = {"form": _form(arguments), "job": job}
    if not spec.file_parameters:
        schemas["input"] = arguments
    return {_schema_name(spec, what): schema for what, schema in schemas.items()}


def _plain(schema: Any) -> Any:
    """Return the schema without what generators warn of: titles, as two may be the same, and a format of our own."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if len(kinds := {type(value): None for value in schema.get("enum", ())}) > 1:
        rest = {key: value for key, value in schema.items() if key not in ("enum", "type")}
        choices = [_choice([value for value in schema["enum"] if type(value) is kind]) for kind in kinds]
        schema = {**rest, "anyOf": choices}
    kept = {key: value for key, value in schema.items() if key != "title" and value != LONG_TEXT_FORMAT}
    return {key: _plain_keyword(key, value) for key, value in kept.items()}


def _plain_keyword(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key == "properties":  # whose keys are names: one may be called title
        return {name: _plain(part) for name, part in value.items()}
    return _plain(value)


def _choice(values: list[Any]) -> dict[str, Any]:
    """Return the schema of one of these values, which are of one type. Generators know no enumeration of booleans."""
    name = {type(None): "null", bool: "boolean"}.get(type(values[0]))
    return {"type": name} if name else {"enum": values}


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a form: its fields are never null, and its files never empty."""
    return {**schema, "properties": {name: _field(field) for name, field in schema.get("properties", {}).items()}}


def _field(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    field = {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}
    if is_file_list(field):
        field = {**field, "minItems": max(field.get("minItems", 0), 1), "items": {**field["items"], "minLength": 1}}
    return {**field, "minLength": 1} if is_file(field) else field


def _reference(spec: TaskSpec, what: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{_schema_name(spec, what)}"}


def _schema_name(spec: TaskSpec, what: str) -> str:
    """Return the name of a schema. Other letters than these are not allowed, or no file could be named after it."""
    return f"{quote(spec.name).replace('%', '-')}_{what}"
