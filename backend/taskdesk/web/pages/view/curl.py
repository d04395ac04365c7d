"""A request to the API as a line for the shell, made from its description in OpenAPI.

The lines need no curl newer than 7.76, which RHEL 9 has: no `--json`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from taskdesk.jobs.schema_rules import example_value, file_of, plain_schema

JSON_BODY = ("-H", "Content-Type: application/json", "-d")  # with -d the method is POST
_PLACES = ("path", "query", "header")  # of a parameter


def curl(
    method: str,
    address: str,
    parameters: Iterable[dict[str, Any]] = (),
    schema: dict[str, Any] | None = None,
    example: Any = None,
    *,
    is_form: bool = False,
) -> str:
    """Return a line of curl.

    `schema` and `example` are those of the body. Parameters are sent if they have an example.
    """
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


def _body(schema: dict[str, Any], example: Any, is_form: bool) -> list[str]:
    required = schema.get("required", [])
    fields = {
        name: field
        for name, field in schema.get("properties", {}).items()
        if name in required or (is_form and file_of(plain_schema(field)))
    }
    if not is_form:
        values = example if example is not None else {name: example_value(field) for name, field in fields.items()}
        return [*JSON_BODY, json.dumps(values, ensure_ascii=False)]
    texts = [(name, text) for name, field in fields.items() for text in _texts_for(name, plain_schema(field))]
    return [word for name, text in texts for word in ("-F", f"{name}={text}")]


def _texts_for(name: str, field: dict[str, Any]) -> list[str]:
    if file_of(field):
        return [f"@{file}" for file in example_files(name, field)]
    value = example_value(field)
    return [value if isinstance(value, str) else json.dumps(value)]


def example_files(name: str, schema: dict[str, Any]) -> list[str]:
    """Return names of files for a parameter that takes one or several: as many as it has to have, at least one."""
    field = plain_schema(schema)
    suffix = next(iter((file_of(field) or {}).get("extensions", [])), "")
    numbers = ["", *(f"-{number}" for number in range(2, field.get("minItems", 1) + 1))]
    return [f"{name}{number}{suffix}" for number in numbers]
