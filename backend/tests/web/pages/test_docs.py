"""The page of the API: it has every operation and every task, each with a line of curl that works as it stands."""

from __future__ import annotations

import gzip
import html
import re
import shlex

import pytest

from taskdesk.jobs.schema_rules import example_value
from taskdesk.web.pages.view.curl import JSON_BODY, curl


@pytest.fixture
def page(client):
    return client.get("/docs").text


def test_every_operation_and_every_task_is_on_the_page(client, page):
    paths = client.get("/api/v1/openapi.json").json["paths"]

    assert [
        path for path in paths if f"<code>{path}</code>" not in page and not re.search("tasks/[a-z].*:batch", path)
    ] == []
    assert "Give a text back" in page


def test_the_page_names_parameters_answers_and_results(page):
    text = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", page)))

    assert "Idempotency-Key header string, at most 255 characters" in text
    assert "times integer, 1 to 3 How often. default 1" in text
    assert "410 The job ended, was kept for its time, and was removed" in text
    assert "Returns list of string." in text


def test_the_page_is_small_and_strict(client):
    answer = client.get("/docs")

    assert len(gzip.compress(answer.data)) < 60_000
    assert not re.search(
        r"<style|\son\w+=|\sstyle=|<script(?! (?:type=\"module\" )?src)|(?:src|href)=\"https?:", answer.text
    )
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_curl_line_of_each_operation_works_as_it_stands(page):
    lines = [html.unescape(line) for line in re.findall(r"<code>(curl .*?)</code>", page)]

    assert len(lines) == page.count('<span class="method')
    for line in lines:
        command, *words = shlex.split(line)
        assert (command, words[-1].startswith("http://localhost/")) == ("curl", True)
        assert "{" not in words[-1]


def test_a_line_has_the_examples_of_what_is_required():
    schema = {
        "required": ["table", "name"],
        "properties": {
            "table": {"type": "string", "format": "binary", "extensions": [".csv"]},
            "other": {"anyOf": [{"type": "string", "format": "binary"}, {"type": "null"}]},
            "name": {"type": "string", "default": "it's"},
            "times": {"type": "integer"},
        },
    }

    form = shlex.split(curl("post", "http://a/b", (), schema, is_form=True))
    patch = shlex.split(curl("patch", "http://a/b", (), schema, {"x": "é"}))

    assert form == ["curl", "-F", "table=@table.csv", "-F", "other=@other", "-F", "name=it's", "http://a/b"]
    assert patch == ["curl", "-X", "PATCH", *JSON_BODY, '{"x": "é"}', "http://a/b"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "string", "enum": ["red", "blue"]}, "red"),
        ({"const": 3}, 3),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "2026-03-31"),
        ({"type": "boolean"}, True),
        ({"type": "array"}, []),
        ({}, "text"),
    ],
)
def test_an_example_fits_its_parameter(schema, value):
    assert example_value(schema) == value
