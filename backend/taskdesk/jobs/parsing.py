"""Read times and durations, and the texts of a form or a command line as JSON values of a task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.schema_rules import plain_schema, sentence, value_type

_NOT_GIVEN = object()
_DURATION = re.compile(r"([0-9]{1,5})([smhd])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def read_moment(text: Any) -> datetime:
    """Read a date-time of RFC 3339. Raises ValueError, with a sentence for the user."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        moment = None
    if not moment or not moment.tzinfo:
        raise ValueError(sentence("format", "date-time"))
    return moment


def read_duration(text: Any) -> timedelta:
    """Read a duration such as 90s, 10m, 1h or 3d. Raises ValueError, with a sentence for the user."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError("This has to be a number with s, m, h or d, such as 10m.")
    return int(found[1]) * _UNITS[found[2]]


def read_texts(spec: TaskSpec, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the JSON values of texts, of which a list has one for each entry.

    A text that does not fit stays text, for `check` to name it.
    """
    return {name: _read(plain_schema(spec.parameters.get(name, {})), given) for name, given in texts.items()}


def read_fields(spec: TaskSpec, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """As `read_texts`, from the form of a page.

    An empty field is "not given", an unchecked box is false, and each line of a list is an entry.
    """
    values = {name: _read_field(spec.parameters.get(name, {}), given) for name, given in texts.items()}
    boxes = {name for name, schema in spec.parameters.items() if plain_schema(schema).get("type") == "boolean"}
    return dict.fromkeys(boxes, False) | {name: value for name, value in values.items() if value is not _NOT_GIVEN}


def _read_field(schema: dict[str, Any], texts: Sequence[str]) -> Any:
    plain = plain_schema(schema)
    if plain.get("type") == "array":
        texts = [line.strip() for text in texts for line in text.split("\n") if line.strip()]
        return _read(plain, texts) if texts else _emptied(schema, [])
    return _read(plain, texts) if texts[-1] else _emptied(schema, _NOT_GIVEN)


def _emptied(schema: dict[str, Any], otherwise: Any) -> Any:
    """The value of an empty field: null if that is allowed, an empty text if that differs from the default."""
    if any(choice.get("type") == "null" for choice in schema.get("anyOf", [])):
        return None
    plain = plain_schema(schema)
    is_emptiable = value_type(plain).is_emptiable and "enum" not in plain and "default" in schema
    return "" if is_emptiable else otherwise


def _read(schema: dict[str, Any], texts: Sequence[str]) -> Any:
    if schema.get("type") == "array":
        return [_read_one(plain_schema(schema.get("items", {})), text) for text in texts]
    return _read_one(schema, texts[-1])


def _read_one(schema: dict[str, Any], text: str) -> Any:
    if "enum" in schema or "const" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return next((value for value in allowed if str(value) == text), text)
    return value_type(schema).parse(text)
