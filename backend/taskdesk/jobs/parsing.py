"""Texts of a form or of a command line become JSON values, by the task's JSON Schema."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import NotJson
from taskdesk.jobs.strict_json import parse_json

_NOTHING = object()
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_BOOLEANS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


def read_moment(text: Any) -> datetime:
    """RFC 3339, with a zone. Raises ValueError, with a sentence for the user."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        moment = None
    if not moment or not moment.tzinfo:
        raise ValueError("This has to be a date and time with a zone, such as 2026-03-31T12:00:00Z.")
    return moment


def with_zone(text: str) -> str:
    """What a browser's field for date and time gives has no zone, and maybe no seconds: it is shown and read as UTC."""
    moment = _NO_ZONE.fullmatch(text)
    if not moment:
        return text
    return f"{text}Z" if moment[1] else f"{text}:00Z"


def read_texts(spec: TaskSpec, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The values that texts stand for, those of a list one by one. What does not fit stays text: `check` names it."""
    return {name: _read(plain_schema(spec.parameters.get(name, {})), given) for name, given in texts.items()}


def read_fields(spec: TaskSpec, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """As `read_texts`, but from a page: empty is "not given", an unticked box is no, a line of a list is an entry."""
    values = {name: _read_field(spec.parameters.get(name, {}), given) for name, given in texts.items()}
    boxes = {name for name, schema in spec.parameters.items() if plain_schema(schema).get("type") == "boolean"}
    return dict.fromkeys(boxes, False) | {name: value for name, value in values.items() if value is not _NOTHING}


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without "or null"; of several types the first."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return {**schema, **choices[0]} if choices else schema


def _read_field(schema: dict[str, Any], texts: Sequence[str]) -> Any:
    plain = plain_schema(schema)
    if plain.get("type") == "array":
        texts = [line.strip() for text in texts for line in text.split("\n") if line.strip()]
        return _read(plain, texts) if texts else _emptied(schema, [])
    return _read(plain, texts) if texts[-1] else _emptied(schema, _NOTHING)


def _emptied(schema: dict[str, Any], nothing: Any) -> Any:
    """What a field that was left empty stands for."""
    if any(choice.get("type") == "null" for choice in schema.get("anyOf", [])):
        return None
    plain = plain_schema(schema)
    is_text = plain.get("type") == "string" and "enum" not in plain and plain.get("format") in (None, "multiline")
    return "" if is_text and "default" in schema else nothing  # a text that has a default may be emptied


def _read(schema: dict[str, Any], texts: Sequence[str]) -> Any:
    if schema.get("type") == "array":
        return [_read_one(plain_schema(schema.get("items", {})), text) for text in texts]
    return _read_one(schema, texts[-1])


def _read_one(schema: dict[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return next((value for value in allowed if str(value) == text), text)
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    if kind in ("integer", "number"):
        return _number(kind, text)
    if kind in ("object", "array"):
        return _structure(text)
    if schema.get("format") == "date-time":
        return with_zone(text)
    return text.replace("\r\n", "\n")


def _number(kind: str, text: str) -> Any:
    try:
        number = int(text) if kind == "integer" else float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _structure(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJson:
        return text
