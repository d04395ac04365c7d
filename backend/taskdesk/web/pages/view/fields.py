"""The fields of a task's form, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.schema_rules import TYPES, attributes, limits_in_words, plain_schema, value_type

Texts = Mapping[str, Sequence[str]]

_ENTRY_CONTROLS = {"text", "number", "date", "select"}  # that an entry of a list may have
_NOTHING = {"": "–"}


@dataclass(frozen=True)
class FormField:
    """One field. `control` is text, multiline, number, checkbox, select, choices, date, datetime, list, json or file.

    `values` are its texts: one, or those of a list. `bounds` are its limits in words, `limits` as HTML attributes.
    `options` are the choices with their labels. `entry` is an entry of a list.
    """

    name: str
    label: str
    control: str
    values: Sequence[str] = ()
    help: str = ""
    bounds: str = ""
    required: bool = False
    error: str = ""
    limits: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    entry: FormField | None = None

    @property
    def value(self) -> str:
        return "\n".join(self.values)

    @property
    def is_checked(self) -> bool:
        return TYPES["boolean"].parse(self.value) is True


def form_fields(spec: TaskSpec, texts: Texts | None = None, errors: Mapping[str, str] | None = None) -> list[FormField]:
    """Return the fields of a task with their texts (None: the defaults), and a sentence for each wrong field."""
    given = texts_of(defaults(spec)) if texts is None else texts
    required = spec.input_schema.get("required", [])
    return [
        _field(name, schema, name in required, given.get(name, ()), (errors or {}).get(name, ""))
        for name, schema in spec.parameters.items()
    ]


def defaults(spec: TaskSpec) -> dict[str, Any]:
    return {name: schema["default"] for name, schema in spec.parameters.items() if "default" in schema}


def texts_of(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return values as the texts of a form, one for each entry of a list. `parsing.read_fields` reads them back."""
    return {
        name: [_text(one) for one in (value if isinstance(value, list) else [value])] for name, value in values.items()
    }


def _field(name: str, schema: dict[str, Any], required: bool, texts: Sequence[str], error: str) -> FormField:
    plain = plain_schema(schema)
    is_optional = plain is not schema
    control = _control(plain, is_optional)
    is_open = control == "select" and (is_optional or required)  # starts with no choice
    options = _options(plain) if control in ("select", "choices") else {}
    return FormField(
        name=name,
        label=name.replace("_", " ").capitalize(),
        control=control,
        values=_shown(control, texts),
        help=schema.get("description", ""),
        bounds=_bounds(plain),
        required=required,
        error=error,
        limits=_limits(control, plain),
        options=_NOTHING | options if is_open else options,
        entry=_entry(plain.get("items", {})) if control == "list" else None,
    )


def _entry(schema: dict[str, Any]) -> FormField:
    plain = plain_schema(schema)
    control = _control(plain, is_optional=True)
    control = control if control in _ENTRY_CONTROLS else "text"
    return FormField("", "", control, limits=_limits(control, plain), options=_NOTHING | _options(plain))


def _control(plain: dict[str, Any], is_optional: bool) -> str:
    kind, items = plain.get("type", ""), plain_schema(plain.get("items", {}))
    if _is_enumeration(plain) or (kind == "boolean" and is_optional):
        return "select"
    if kind == "array":
        return "choices" if _is_enumeration(items) else "list"
    return value_type(plain).control


def _bounds(plain: dict[str, Any]) -> str:
    text = limits_in_words(plain)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _is_enumeration(schema: dict[str, Any]) -> bool:
    return "enum" in schema or "const" in schema


def _options(plain: dict[str, Any]) -> dict[str, str]:
    """Return the choices with their labels: for a list, those of its entries."""
    if plain.get("type") == "boolean":
        return {"true": "yes", "false": "no"}
    chosen = plain_schema(plain["items"]) if "items" in plain else plain
    return {str(option): str(option) for option in chosen.get("enum", [chosen["const"]] if "const" in chosen else [])}


def _limits(control: str, plain: dict[str, Any]) -> dict[str, Any]:
    limits = attributes(control, plain)
    if control == "file" and plain.get("extensions"):
        limits["accept"] = ",".join(plain["extensions"])
    return limits


def _shown(control: str, texts: Sequence[str]) -> Sequence[str]:
    if control == "list":
        return [line.strip() for text in texts for line in text.split("\n") if line.strip()]
    return [as_local(text) or text for text in texts] if control == "datetime" else texts


def as_local(text: str) -> str:
    """Return a date-time for a browser's control, in UTC, or an empty text if it is none.

    static/zone.js changes it to the viewer's time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # the first day of the year 1 in a zone ahead of UTC
        return ""
    return moment.isoformat(timespec="milliseconds" if moment.second or moment.microsecond else "minutes")


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
