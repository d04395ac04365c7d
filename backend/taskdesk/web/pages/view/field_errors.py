"""The errors of a form, by the field where each is shown."""

from __future__ import annotations

from collections.abc import Sequence

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError
from taskdesk.jobs.form_texts import parameter_of
from taskdesk.jobs.parameter import Parameter
from taskdesk.jobs.schema_rules import plain_schema


def by_field(spec: TaskSpec, errors: Sequence[FieldError]) -> dict[str, str]:
    """Return a sentence for each wrong field. It names the place in a list or an object."""
    found: dict[str, list[str]] = {}
    for error in errors:
        name, *inside = error.pointer.removeprefix("/").split("/")
        field, names = _field(spec, name, [one.replace("~1", "/").replace("~0", "~") for one in inside])
        is_list = plain_schema(field.schema).get("type") == "array"
        word = "File" if name in spec.file_lists else "Entry"
        found.setdefault(field.name, []).append(_place(names, is_list, word) + error.detail)
    return {name: " ".join(details) for name, details in found.items()}


def _field(spec: TaskSpec, name: str, inside: list[str]) -> tuple[Parameter, list[str]]:
    """Return the field of a place in the arguments, and the place in its value."""
    field = parameter_of(spec, name) if name in spec.parameters else Parameter(name, {})
    while inside and inside[0] in field.members:
        field, inside = field.members[inside[0]], inside[1:]
    return field, inside


def _place(names: list[str], is_list: bool, word: str) -> str:
    if names and is_list and names[0].isdecimal():  # of a union, the value may be an object all the same
        names[0] = f"{word} {int(names[0]) + 1}"
    return f"{'/'.join(names)}: " if names else ""
