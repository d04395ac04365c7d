"""Check every answer that a test gets from the API against the description: status, headers, media type, body."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from taskdesk.web.api.openapi import static_document

METHODS = {"get", "post", "patch", "put", "delete"}


class ConformityClient(FlaskClient):
    """A client that fails the test if an answer of the API is not as documented."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        try:
            router = self.application.url_map.bind_to_environ(answer.request.environ)
            endpoint, _ = router.match()
        except HTTPException:  # no route, or none for this method
            return answer
        blueprint, _, name = endpoint.rpartition(".")
        if blueprint in ("api", "health", "metrics") and answer.request.method not in ("HEAD", "OPTIONS"):
            check(name, answer)
        return answer


def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return path, method and operation by operationId."""
    return {
        operation["operationId"]: (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def check(name: str, answer: TestResponse) -> None:
    where = f"{name} answers {answer.status_code}"
    responses = operations(static_document())[name][2]["responses"]
    assert str(answer.status_code) in responses, f"{where}, which is not documented"
    response = resolve(responses[str(answer.status_code)])
    for header, described in response.get("headers", {}).items():
        assert header in answer.headers or not resolve(described).get("required"), f"{where} without {header}"
    content = response.get("content", {})
    if not content:
        assert answer.data == b"", where
    elif answer.mimetype not in content:
        assert "*/*" in content, f"{where} with {answer.mimetype}, which is not documented"
    elif answer.mimetype.endswith("json"):
        validator(name, answer.status_code, answer.mimetype).validate(answer.get_json())


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = static_document()
    for part in node["$ref"].split("/")[1:]:
        found = found[part]
    return found


@cache
def validator(name: str, status: int, media_type: str) -> Any:
    """Return a validator of such a body that refuses undocumented members."""
    document = closed(deepcopy(static_document()))
    response = operations(document)[name][2]["responses"][str(status)]
    schema = resolve(response)["content"][media_type]["schema"]
    return jsonschema_rs.Draft202012Validator(
        {"components": document["components"], **closed(deepcopy(schema))}, validate_formats=True
    )


def closed(node: Any) -> Any:
    """Return the schema with objects that may have no other members than those it names."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closing = {"additionalProperties": False} if isinstance(node.get("properties"), dict) else {}
    return {**closing, **{key: closed(value) for key, value in node.items()}}
