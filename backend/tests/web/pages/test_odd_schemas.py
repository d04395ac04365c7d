"""A task with an odd schema, as another version of the worker may announce it, breaks no page."""

from __future__ import annotations

import pytest

from taskdesk.jobs.catalog import Catalog, announce

ODD = {
    "no choices": {"enum": []},
    "no choices or null": {"anyOf": [{"enum": []}, {"type": "null"}]},
    "a list without choices": {"type": "array", "items": {"enum": []}},
    "no types": {"anyOf": []},
    "only null": {"anyOf": [{"type": "null"}]},
    "anything": True,
    "nothing": False,
    "anything or null": {"anyOf": [True, {"type": "null"}]},
    "a list of anything": {"type": "array", "items": True},
    "a list of two": {"type": "array", "prefixItems": [True, {"type": "string"}], "items": False},
    "two types": {"type": ["string", "null"]},
    "an unknown type": {"type": "nothing"},
    "a format of a number": {"type": "integer", "format": 5},
    "a limit in words": {"type": "integer", "minimum": "one"},
    "a limit of null": {"type": "string", "maxLength": None},
    "a step of null": {"type": "number", "multipleOf": 0},
    "a pattern that nothing reads": {"type": "string", "pattern": "(?!x"},
    "a pattern that is no text": {"type": "string", "pattern": 5},
    "a choice of objects": {"enum": [{"a": [1]}, [2], None]},
    "a description that is no text": {"type": "string", "description": 5},
    "extensions that are no list": {"type": "string", "format": "binary", "extensions": 5},
    "a default that is no list": {"type": "array", "items": {"type": "string"}, "default": {"a": 1}},
    "a reference": {"$ref": "#/$defs/Nothing"},
    "an object with an odd member": {"type": "object", "properties": {"a": True}},
    "a text": "text",
    "null": None,
}
GOOD = {"type": "object", "properties": {"seconds": {"type": "integer"}}, "required": ["seconds"]}


@pytest.fixture
def announced(redis, registry):
    def announced(schema: object) -> None:
        echo = registry.catalog.tasks["echo"]
        odd = {"type": "object", "properties": {"x": schema}, "required": ["x"], "additionalProperties": False}
        tasks = {
            name: echo.model_copy(update={"name": name, "reference": f"tasks.{name}", "input_schema": document})
            for name, document in (("odd", odd), ("good", GOOD))
        }
        announce(redis, Catalog(tasks=tasks))

    return announced


@pytest.mark.parametrize("name", ODD)
def test_a_task_with_an_odd_schema_breaks_no_page(client, announced, name):
    announced(ODD[name])

    for path in ("/", "/docs", "/tasks/odd", "/tasks/good", "/api/v1/tasks", "/api/v1/openapi.json"):
        answer = client.get(path)
        assert answer.status_code == 200, path
    assert "seconds" in client.get("/docs").text
    assert client.post("/api/v1/tasks/odd/jobs", json={"x": 1}).status_code in (202, 422)
    assert client.post("/tasks/odd", data={"x": "1"}).status_code in (303, 422)
    assert client.post("/api/v1/tasks/good/jobs", json={"seconds": 1}).status_code == 202


NUMBER = {"type": "integer"}
POINT = {"type": "object", "properties": {"y": NUMBER}, "required": ["y"]}


@pytest.mark.parametrize(
    ("schema", "typed", "sentence"),
    [
        ({"type": "array", "items": POINT}, '{"y": "a"}', "Entry 1/y: Must be a whole number."),
        ({"type": "object", "additionalProperties": POINT}, '{"a/b": {}}', "a/b/y: Required."),
        (
            {"anyOf": [{"type": "array", "items": NUMBER}, {"type": "object", "additionalProperties": NUMBER}]},
            '{"key": "a"}',
            "key: Must be a whole number.",
        ),
    ],
)
def test_the_form_names_the_place_of_what_is_wrong_in_json(client, announced, schema, typed, sentence):
    announced(schema)

    page = client.post("/tasks/odd", data={"x": typed})

    assert page.status_code == 422
    assert f">{sentence}<" in page.text
