"""The OpenAPI document is complete and valid, and has each task of the catalog."""

from __future__ import annotations

import re
import sys

import jsonschema_rs
import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.web.application import create_app
from tests.conformity import METHODS, operations


@pytest.fixture
def description(client):
    return client.get("/api/v1/openapi.json").json


def test_it_is_valid_openapi(description, monkeypatch):
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)  # its grammars take seconds, and are of no use here
    from openapi_spec_validator import validate

    assert description["openapi"].startswith("3.1")
    validate(description)


def test_every_route_is_described_and_every_described_route_is_there(client, description):
    routes = {
        (rule.endpoint.partition(".")[2], re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "health.", "metrics."))
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    described = {
        (name, path, method)
        for name, (path, method, operation) in operations(description).items()
        if operation["tags"] != ["tasks"]
    }

    assert described == routes


def test_every_parameter_of_a_path_is_described(description):
    for path, item in description["paths"].items():
        for method in METHODS & item.keys():
            given = item.get("parameters", []) + item[method].get("parameters", [])
            named = [_found(description, one) for one in given]
            assert {one["name"] for one in named if one["in"] == "path"} == set(re.findall(r"{(\w+)}", path)), path


def _found(document, node):
    for part in node.get("$ref", "").split("/")[1:]:
        document = document[part]
    return document if "$ref" in node else node


def test_each_task_has_paths_of_its_own_with_its_input(description):
    operation = description["paths"]["/api/v1/tasks/echo/jobs"]["post"]
    batch = description["paths"]["/api/v1/tasks/echo/jobs:batch"]["post"]

    content = operation["requestBody"]["content"]
    assert (operation["summary"], operation["requestBody"]["required"]) == ("Give a text back.", True)
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/echo_input"}
    assert description["components"]["schemas"]["echo_input"]["properties"]["times"]["maximum"] == 3
    inputs = batch["requestBody"]["content"]["application/json"]["schema"]["properties"]["inputs"]
    assert (inputs["items"], inputs["maxItems"]) == ({"$ref": "#/components/schemas/echo_input"}, 1_000)


def test_a_task_with_files_takes_forms_only(description):
    content = description["paths"]["/api/v1/tasks/count_bytes/jobs"]["post"]["requestBody"]["content"]
    form = description["components"]["schemas"]["count_bytes_form"]

    assert list(content) == ["multipart/form-data"]
    assert "/api/v1/tasks/count_bytes/jobs:batch" not in description["paths"]
    assert (form["required"], form["properties"]["other"]["format"]) == (["data"], "binary")


@pytest.mark.parametrize(
    ("task", "arguments"), [("echo", {"text": "a"}), ("every_kind", {}), ("parts", {}), ("talk", {})]
)
def test_a_finished_job_is_as_its_task_announced(client, description, run_worker, task, arguments):
    location = client.post(f"/api/v1/tasks/{task}/jobs", json=arguments).location
    run_worker()

    answer = description["paths"][f"/api/v1/tasks/{task}/jobs"]["post"]["responses"]["200"]["content"]
    schema = {"components": description["components"], **answer["application/json"]["schema"]}
    job = client.get(location).json

    jsonschema_rs.validate(schema, job)
    if "value" in job["result"]:
        wrong = {**job, "result": {**job["result"], "value": 5}}
        assert not jsonschema_rs.is_valid(schema, wrong)


def test_it_is_sent_again_only_if_the_catalog_has_changed(client, registry, redis):
    tag = client.get("/api/v1/openapi.json").headers["ETag"]
    same = client.get("/api/v1/openapi.json", headers={"If-None-Match": tag})

    announce(redis, registry.catalog.model_copy(update={"tasks": {}}))
    client.application.extensions["desk"].catalog.read(max_age=0)
    changed = client.get("/api/v1/openapi.json", headers={"If-None-Match": tag})

    assert (same.status_code, changed.status_code) == (304, 200)
    assert "/api/v1/tasks/echo/jobs" not in changed.json["paths"]


def test_it_names_the_path_under_which_it_is_mounted(web_settings, registry):
    answer = create_app(web_settings).test_client().get("/api/v1/openapi.json", base_url="http://localhost/desk")

    assert answer.json["servers"] == [{"url": "/desk"}]
