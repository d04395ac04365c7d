"""An OpenAPI document as the operations and objects of a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from taskdesk.jobs.schema_rules import is_file, is_file_list, limits_in_words, plain_schema
from taskdesk.web.pages.view.curl import curl

_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"


@dataclass(frozen=True)
class Field:
    """A row of a table: a parameter, or a member of an object. `place` is path, query, header or body."""

    name: str
    place: str
    kind: str
    is_required: bool
    description: str
    default: Any = None


@dataclass(frozen=True)
class Operation:
    """A method of a path. `answers` are status, description, and the name of the object in the answer.

    The operation of a task has no `answers`, as they are the same for all tasks, but a `result` if its type is known.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    fields: list[Field]
    answers: list[tuple[str, str, str]]
    result: str
    curl: str


class ApiReference:
    """Reads a document; `address` is where its paths start."""

    def __init__(self, description: dict[str, Any], address: str):
        self._description = description
        self._address = address

    def operations(self) -> Iterator[Operation]:
        for path, item in self._description["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield self._operation(method, path, item[method], item.get("parameters", []))

    def objects(self) -> dict[str, list[Field]]:
        """Return the fields of each object that an answer may hold."""
        schemas = self._description["components"]["schemas"]
        return {name: self._members(schema) for name, schema in schemas.items() if self._is_object(name)}

    def _is_object(self, name: str) -> bool:
        return "." not in name and "properties" in self._description["components"]["schemas"][name]

    def _operation(self, method: str, path: str, operation: dict[str, Any], shared: list[dict[str, Any]]) -> Operation:
        parameters = [self._resolve(one) for one in [*shared, *operation.get("parameters", [])]]
        content = operation.get("requestBody", {}).get("content", {})
        body: dict[str, Any] = next(iter(content.values()), {})  # JSON if it is allowed
        schema = self._resolve(body.get("schema", {}))
        fields, answers, result = self._members(schema), [], ""
        if operation["tags"] == ["tasks"]:
            result = self._result(operation)
        else:
            fields = [*map(self._parameter, parameters), *fields]
            answers = [self._answer(status, answer) for status, answer in sorted(operation["responses"].items())]
        return Operation(
            operation["operationId"],
            method.upper(),
            path,
            operation["tags"][0],
            operation["summary"].rstrip("."),
            operation.get("description", ""),
            fields,
            answers,
            result,
            curl(method, self._address + path, parameters, schema, body.get("example"), is_form=_JSON not in content),
        )

    def _parameter(self, one: dict[str, Any]) -> Field:
        kind, default = self._kind(one["schema"]), one["schema"].get("default")
        return Field(one["name"], one["in"], kind, one.get("required", False), one.get("description", ""), default)

    def _members(self, schema: dict[str, Any]) -> list[Field]:
        required = schema.get("required", [])
        return [
            Field(
                name,
                "body",
                self._kind(member),
                name in required,
                self._resolve(member).get("description", ""),
                member.get("default"),
            )
            for name, member in schema.get("properties", {}).items()
        ]

    def _answer(self, status: str, answer: dict[str, Any]) -> tuple[str, str, str]:
        answer = self._resolve(answer)
        [schema] = [one["schema"] for one in answer.get("content", {}).values()][:1] or [{}]
        name = schema.get("$ref", "").rpartition("/")[2]
        return status, answer["description"], name if name and self._is_object(name) else ""

    def _result(self, operation: dict[str, Any]) -> str:
        if "200" not in operation["responses"]:
            return ""
        job = self._resolve(operation["responses"]["200"]["content"][_JSON]["schema"])
        kind = self._kind(job["allOf"][1]["properties"]["result"]["properties"]["value"])
        return "" if kind == "any" else kind

    def _kind(self, schema: dict[str, Any]) -> str:
        """Return the type of a value in words."""
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and self._is_object(name):
            return name
        schema = plain_schema(self._resolve(schema))
        if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
            return " | ".join(map(str, values))
        if is_file(schema):
            return " ".join(["file", *schema.get("extensions", [])])
        if schema.get("type") == "array":
            limits = limits_in_words(schema) if is_file_list(schema) else ""
            return ", ".join(filter(None, (f"list of {self._kind(schema.get('items', {}))}", limits)))
        kinds = schema.get("type", "any")
        kind = schema.get("format") or (kinds if isinstance(kinds, str) else " | ".join(kinds))
        return ", ".join(filter(None, (kind, limits_in_words(schema))))

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        found: Any = self._description if "$ref" in node else node
        for part in node.get("$ref", "").split("/")[1:]:
            found = found[part]
        return dict(found)
