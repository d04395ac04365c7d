"""Find what no form or page could show in the schema of a parameter or a result.

A worker announces no such schema. The catalog of an earlier version may have one: it is read as "any JSON".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import ValidationError, meta

from taskdesk.jobs.schema import Schema

_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")  # keywords whose schemas are shown
_BY_NAME = ("properties", "patternProperties")
_INVALID = "has a JSON Schema that no form can show: look at its json_schema_extra"


def schema_fault(schema: Any) -> str:
    """Complete "its parameter 'x' …" with what is wrong; empty if nothing is."""
    if not isinstance(schema, dict) or not meta.is_valid(schema) or not _compiles(schema):
        return _INVALID
    return next(filter(None, map(_own_fault, _shown(schema))), "")


def _compiles(schema: dict[str, Any]) -> bool:
    try:
        Schema(schema).is_valid(None)
    except ValidationError:
        return False
    return True


def _own_fault(schema: Any) -> str:
    if not isinstance(schema, dict) or "$ref" in schema or not isinstance(schema.get("extensions", []), list):
        return _INVALID
    return "offers nothing to choose: give its Enum a value" if schema.get("enum") == [] else ""


def _shown(schema: Any) -> Iterator[Any]:
    """Yield the schema and those inside of it. JSON Schema has two schemas that are no objects: True and False."""
    yield schema
    if isinstance(schema, dict):
        inner = [one for keyword in _LISTS for one in schema.get(keyword, [])]
        inner += [one for keyword in _BY_NAME for one in schema.get(keyword, {}).values()]
        inner += [schema["items"]] if "items" in schema else []
        inner += [rest] if isinstance(rest := schema.get("additionalProperties"), dict) else []
        for one in inner:
            yield from _shown(one)
