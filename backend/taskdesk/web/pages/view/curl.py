"""A call of the API as a line for the shell, from what the API says of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from taskdesk.jobs.parsing import plain_schema

_BY_FORMAT = {"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z"}
_BY_TYPE: dict[str, Any] = {"number": 1, "boolean": True, "array": [], "object": {}}


def curl(
    method: str,
    address: str,
    parameters: Iterable[dict[str, Any]] = (),
    schema: dict[str, Any] | None = None,
    example: Any = None,
    *,
    is_form: bool = False,
) -> str:
    """A line of curl; `schema` is that of the body. Parameters are sent if they have an example."""
    given = {place: [one for one in parameters if one["in"] == place and "example" in one] for place in _PLACES}
    for one in given["path"]:
        address = address.replace(f"{{{one['name']}}}", one["example"])
    if given["query"]:
        address += f"?{urlencode({one['name']: one['example'] for one in given['query']})}"
    words = [word for one in given["header"] for word in ("-H", f"{one['name']}: {one['example']}")]
    if schema:
        words += _body(schema, example, is_form)
    if method != ("post" if schema else "get"):
        words = ["-X", method.upper(), *words]
    return f"curl {' '.join(map(shlex.quote, [*words, address]))}"


_PLACES = ("path", "query", "header")


def _body(schema: dict[str, Any], example: Any, is_form: bool) -> list[str]:
    required = schema.get("required", [])
    fields = {
        name: field
        for name, field in schema.get("properties", {}).items()
        if name in required or (is_form and plain_schema(field).get("format") == "binary")
    }
    if not is_form:
        values = example if example is not None else {name: value_for(field) for name, field in fields.items()}
        return ["--json", json.dumps(values, ensure_ascii=False)]
    return [word for name, field in fields.items() for word in ("-F", f"{name}={_text_for(name, plain_schema(field))}")]


def _text_for(name: str, field: dict[str, Any]) -> str:
    if field.get("format") == "binary":
        return f"@{example_file(name, field)}"
    value = value_for(field)
    return value if isinstance(value, str) else json.dumps(value)


def example_file(name: str, schema: dict[str, Any]) -> str:
    return f"{name}{next(iter(schema.get('extensions', [])), '')}"


def value_for(schema: dict[str, Any]) -> Any:
    """A value that a parameter of this schema may have."""
    schema = plain_schema(schema)
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    if schema.get("type") == "integer":
        return schema.get("minimum", 1)
    return _BY_TYPE.get(str(schema.get("type")), "text")
