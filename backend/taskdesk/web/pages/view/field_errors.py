"""The errors of a form, by the field where each is shown."""

from __future__ import annotations

from collections.abc import Sequence

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError
from taskdesk.jobs.schema_rules import plain_schema


def by_field(spec: TaskSpec, errors: Sequence[FieldError]) -> dict[str, str]:
    """Return a sentence for each wrong field. It names the place in a list or an object."""
    found: dict[str, list[str]] = {}
    for error in errors:
        name, *inside = error.pointer.removeprefix("/").split("/")
        is_list = plain_schema(spec.parameters.get(name, {})).get("type") == "array"
        word = "File" if name in spec.file_lists else "Entry"
        found.setdefault(name, []).append(_place(inside, is_list, word) + error.detail)
    return {name: " ".join(details) for name, details in found.items()}


def _place(inside: Sequence[str], is_list: bool, word: str) -> str:
    names = [name.replace("~1", "/").replace("~0", "~") for name in inside]
    if names and is_list and names[0].isdecimal():  # of a union, the value may be an object all the same
        names[0] = f"{word} {int(names[0]) + 1}"
    return f"{'/'.join(names)}: " if names else ""
