"""The types that a parameter takes, one by one: those of a union, without null and together with it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from taskdesk.jobs.schema import Schema

NULL = {"type": "null"}


def kinds_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schema of each type of a union; the schema itself if it is none."""
    if "enum" in schema or "const" in schema:
        return _of_choice(schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices or "format" in schema:  # a format is one type, in whatever types of JSON
        return [schema]
    return [kind for choice in choices for kind in kinds_of(choice)]


def _of_choice(schema: dict[str, Any]) -> list[dict[str, Any]]:
    members = members_of(schema)
    if None not in members:
        return [schema]
    others = [member for member in members if member is not None]
    return [{"enum": others}, NULL] if others else [NULL]


def members_of(schema: dict[str, Any]) -> list[Any]:
    """Return the values of an enumeration; an empty list for any other schema."""
    members: list[Any] = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return members


def is_null(kind: dict[str, Any]) -> bool:
    return kind.get("type") == "null"


def is_of_kind(kind: dict[str, Any], value: Any) -> bool:
    return bool(_schema(json.dumps(kind)).is_valid(value))


@lru_cache(maxsize=1024)
def _schema(document: str) -> Schema:
    return Schema(json.loads(document))
