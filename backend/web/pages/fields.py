"""The fields of a task's form, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobkit.catalog import TaskSpec
from jobkit.reading import plain_schema

_NUMBER_LIMITS = {"minimum": "min", "maximum": "max"}
_TEXT_LIMITS = {"minLength": "minlength", "maxLength": "maxlength"}


@dataclass(frozen=True)
class FormField:
    """One field. `control` is text, multiline, number, checkbox, select, date, datetime, list, json or file."""

    name: str
    label: str
    control: str
    value: str
    help: str
    required: bool
    error: str
    limits: dict[str, Any] = field(default_factory=dict)  # HTML attributes
    options: list[str] = field(default_factory=list)


def form_fields(
    spec: TaskSpec, typed: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> list[FormField]:
    """`typed` is what the user sent (None: show the defaults); `errors` is a sentence per wrong field."""
    required = spec.input_schema.get("required", [])
    return [
        _field(name, schema, name in required, typed, (errors or {}).get(name, ""))
        for name, schema in spec.parameters.items()
    ]


def _field(name: str, schema: dict[str, Any], required: bool, typed: Mapping[str, str] | None, error: str) -> FormField:
    plain = plain_schema(schema)
    control = _control(plain)
    limits = {
        html: plain[rule]
        for rule, html in (_NUMBER_LIMITS if control == "number" else _TEXT_LIMITS).items()
        if rule in plain and control in ("number", "text", "multiline")
    }
    if control == "number":
        limits["step"] = 1 if plain["type"] == "integer" else "any"
    if control == "text" and "pattern" in plain:
        limits["pattern"] = plain["pattern"]
    if control == "file" and plain.get("extensions"):
        limits["accept"] = ",".join(plain["extensions"])
    options = [str(option) for option in plain.get("enum", [plain["const"]] if "const" in plain else [])]
    value = _text(schema.get("default")) if typed is None else typed.get(name, "")
    if control == "datetime":
        value = _without_zone(value)
    return FormField(
        name=name,
        label=name.replace("_", " ").capitalize(),
        control=control,
        value=value,
        help=schema.get("description", ""),
        required=required,
        error=error,
        limits=limits,
        options=([""] if options and plain is not schema else []) + options,
    )


def _control(schema: dict[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return "select"
    by_format = {"binary": "file", "multiline": "multiline", "date": "date", "date-time": "datetime"}
    by_type = {"integer": "number", "number": "number", "boolean": "checkbox", "array": "list", "string": "text"}
    return by_format.get(schema.get("format", "")) or by_type.get(schema.get("type", ""), "json")


def _without_zone(text: str) -> str:
    """A date-time as a browser wants it: times on forms are UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.second or moment.microsecond else "minutes")


def _text(value: Any) -> str:
    """A default as a form shows it: one line per entry of a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)
