"""Text becomes JSON values: strict JSON, and the texts of a form or a command line, by the task's JSON Schema."""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jsonschema_rs import Draft202012Validator

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import NotJson

MAX_DEPTH = 20
_TOO_DEEP = f"This is nested deeper than {MAX_DEPTH} levels."
_NO_VALUE = "This holds a number that is too large, or half of a surrogate pair, which is no text."
_NOTHING = object()
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_BOOLEANS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


def parse_json(text: str | bytes) -> Any:
    """JSON, and nothing that Python's parser takes besides. Raises NotJson."""
    try:
        text = text if isinstance(text, str) else str(text, "utf-8-sig")
        value = _load(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"This is no JSON: it can't be read at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError:
        raise NotJson("This is no JSON: it is not in UTF-8, or holds a number of thousands of digits.") from None
    try:
        if not _PLAIN.is_valid(value):
            raise NotJson(_NO_VALUE if _SHALLOW.is_valid(value) else _TOO_DEEP)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotJson(_NO_VALUE) from None
    return value


def _load(text: str) -> Any:
    gc.disable()  # what is read stays: to look for garbage meanwhile takes four times as long as to read 16 MB of lists
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    finally:
        gc.enable()


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


def _refuse_constant(name: str) -> None:
    raise NotJson(f"This is no JSON: it has no {name}. Use null, or leave it out.")


def _levels(rules: dict[str, Any]) -> Draft202012Validator:
    """What is nested no deeper than MAX_DEPTH levels and keeps these rules on each: ten times as fast as a loop."""
    levels = {f"{MAX_DEPTH}": {**rules, "maxItems": 0, "maxProperties": 0}}
    for level in range(1, MAX_DEPTH):
        inner = {"$ref": f"#/$defs/{level + 1}"}
        levels[f"{level}"] = {**rules, "items": inner, "additionalProperties": inner}
    return Draft202012Validator({"$ref": "#/$defs/1", "$defs": levels})


_SHALLOW = _levels({})
_PLAIN = _levels({"type": ["null", "boolean", "number", "string", "array", "object"]})  # infinity is none of them
