"""A format of a parameter is one row of a table: form, API, command line, code samples and errors agree."""

from __future__ import annotations

import html
import json
import re

import pytest
from click.testing import CliRunner

from taskdesk.cli import program
from taskdesk.jobs.catalog import Catalog, TaskSpec, announce
from taskdesk.jobs.form_texts import read_fields, write_fields
from taskdesk.jobs.job import MASK
from taskdesk.jobs.task import FILE_FORMAT
from taskdesk.jobs.value_types import FORMATS, ValueType
from taskdesk.web.pages.view.fields import form_fields

# A format that a later version adds, and all that are there.
ADDED = ValueType(
    "a room such as B 12", "B 12", parse=str.upper, accepts=lambda text: bool(re.fullmatch(r"[A-Z] \d+", text))
)
NAMES = [name for name in FORMATS if name != FILE_FORMAT] + ["room"]
WRONG = "§ §"
ANY_TEXT = {
    *("multiline", "password", "regex", "path", "file_path", "directory_path"),
    *("base64", "base64url"),  # pydantic skips other characters
    *("multi_host_uri", "name_email", "color"),  # the worker checks them
}


@pytest.fixture(autouse=True)
def added(monkeypatch):
    monkeypatch.setitem(FORMATS, "room", ADDED)


@pytest.fixture
def spec(redis, client):
    """An announced task with a required parameter of each format, named after it."""
    fields = {name.replace("-", "_"): {"type": "string", "format": name} for name in NAMES}
    schema = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    task = TaskSpec(
        name="formats", reference="sample_tasks.formats", title="Formats", description="", queue="default", timeout=9,
        retries=0, input_schema=schema,
    )  # fmt: skip
    announce(redis, Catalog(tasks={"formats": task}))
    return task


def examples(spec):
    return {name: FORMATS[schema["format"]].example for name, schema in spec.parameters.items()}


def shown(spec):
    """The examples as they are shown: secrets are masked."""
    return {name: MASK if name == "password" else example for name, example in examples(spec).items()}


def wrong(spec):
    """The formats that not every text has, with the sentence for a wrong value."""
    rows = {name: FORMATS[schema["format"]] for name, schema in spec.parameters.items()}
    return {name: f"Must be {row.words}." for name, row in rows.items() if name not in ANY_TEXT}


def test_the_api_takes_the_examples_and_names_what_is_wrong(client, spec):
    taken = client.post("/api/v1/tasks/formats/jobs", json=examples(spec))
    refused = client.post("/api/v1/tasks/formats/jobs", json=dict.fromkeys(spec.parameters, WRONG))

    assert taken.status_code == 202
    assert {error["pointer"][1:]: error["detail"] for error in refused.json["errors"]} == wrong(spec)


def test_the_form_has_the_control_of_each_format_and_says_what_is_wrong(client, spec):
    page = client.get("/tasks/formats").text
    refused = html.unescape(client.post("/tasks/formats", data=dict.fromkeys(spec.parameters, WRONG)).text)

    assert [field.control for field in form_fields(spec)] == [FORMATS[name].control for name in NAMES]
    assert all(f'id="{name}"' in page for name in spec.parameters)
    assert [sentence for sentence in wrong(spec).values() if sentence not in refused] == []


def test_the_form_reads_the_examples(client, spec):
    assert read_fields(spec, write_fields(spec, examples(spec))) == examples(spec)
    assert client.post("/tasks/formats", data={**examples(spec), "room": "b 12"}).status_code == 303


def test_the_command_line_reads_the_examples_and_names_what_is_wrong(redis_url, tmp_path, spec):
    def submit(values):
        env = {"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
        texts = [f"{name}={text}" for name, text in values.items()]
        return CliRunner().invoke(program, ["submit", "formats", "--json", *texts], env=env)

    assert json.loads(submit({**examples(spec), "room": "b 12"}).stdout)["input"] == shown(spec)
    refused = submit(dict.fromkeys(spec.parameters, WRONG)).stderr
    assert [name for name, sentence in wrong(spec).items() if f"{name}: {sentence}" not in refused] == []


def test_the_code_samples_and_the_page_of_the_api_show_the_examples(client, spec):
    samples = html.unescape(client.get("/tasks/formats").text)
    reference = html.unescape(client.get("/docs").text)

    for name, example in examples(spec).items():
        assert f'"{name}": {json.dumps(shown(spec)[name])}' in samples
        assert f'"{name}": {json.dumps(example)}' in reference
