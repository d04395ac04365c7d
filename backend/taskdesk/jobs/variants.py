"""The variants of a schema: each type of a union, one by one. A schema that is no union has one variant, itself."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from taskdesk.jobs.schema import Schema

NULL = {"type": "null"}


def variants_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schema of each variant."""
    if "enum" in schema or "const" in schema:
        return _of_choice(schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices or "format" in schema:  # a format is one type, in whatever types of JSON
        return [schema]
    return [variant for choice in choices for variant in variants_of(choice)]


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


def is_null(variant: dict[str, Any]) -> bool:
    return variant.get("type") == "null"


def is_of_variant(variant: dict[str, Any], value: Any) -> bool:
    return bool(_schema(json.dumps(variant)).is_valid(value))


@lru_cache(maxsize=1024)
def _schema(document: str) -> Schema:
    return Schema(json.loads(document))
