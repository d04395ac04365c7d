"""A request to the API as a line for the shell, made from its description in OpenAPI.

The lines need no curl newer than 7.76, which RHEL 9 has: no `--json`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from taskdesk.jobs.schema_rules import example_value, is_file, plain_schema

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
        if name in required or (is_form and is_file(plain_schema(field)))
    }
    if not is_form:
        values = example if example is not None else {name: example_value(field) for name, field in fields.items()}
        return [*JSON_BODY, json.dumps(values, ensure_ascii=False)]
    return [word for name, field in fields.items() for word in ("-F", f"{name}={_text_for(name, plain_schema(field))}")]


def _text_for(name: str, field: dict[str, Any]) -> str:
    if is_file(field):
        return f"@{example_file(name, field)}"
    value = example_value(field)
    return value if isinstance(value, str) else json.dumps(value)


def example_file(name: str, schema: dict[str, Any]) -> str:
    return f"{name}{next(iter(schema.get('extensions', [])), '')}"
