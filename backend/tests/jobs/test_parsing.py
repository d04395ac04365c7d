"""Moments and durations, and texts of a form or of a command line, become values."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal

import pytest
from pydantic import create_model

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.form_texts import read_fields
from taskdesk.jobs.parsing import read_duration
from taskdesk.jobs.texts import read_texts


def spec(**parameters: Any) -> TaskSpec:
    """Return a task with these parameters. Each is its type and its default, `...` for none."""
    schema = create_model("Arguments", **parameters).model_json_schema()
    return TaskSpec(
        name="a", reference="t.a", title="", description="", queue="default", timeout=1, retries=0, input_schema=schema
    )


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (int, "7", 7),
        (int, "seven", "seven"),
        (float, "0.5", 0.5),
        (float, "nan", "nan"),
        (bool, "Yes", True),
        (bool, "maybe", "maybe"),
        (date, "2026-01-02", "2026-01-02"),
        (datetime, "2026-01-02T10:00", "2026-01-02T10:00"),  # the check asks for a zone, as in JSON
        (datetime, "2026-01-02T10:00:00+02:00", "2026-01-02T10:00:00+02:00"),
        (Literal[1, 2], "2", 2),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[str, int], "{a}", "{a}"),
        (int | str, "7", 7),
        (int | str, "seven", "seven"),
        (int | None, "7", 7),
        (str, "a\r\nb", "a\nb"),
    ],
)
def test_a_text_is_read_as_what_the_parameter_is(type, text, value):
    assert read_texts(spec(x=(type, ...)), {"x": [text]}) == {"x": value}


def test_each_text_of_a_list_is_an_entry_as_it_is():
    assert read_texts(spec(x=(list[str], ...)), {"x": ["a\nb"]}) == {"x": ["a\nb"]}
    assert read_texts(spec(x=(list[int], ...)), {"x": ["1", "2"]}) == {"x": [1, 2]}


def test_on_a_page_each_line_of_a_list_is_an_entry():
    assert read_fields(spec(x=(list[str], ...)), {"x": ["a \r\n\r\nb\x0cc"]}) == {"x": ["a", "b\x0cc"]}


@pytest.mark.parametrize(
    ("type", "default", "values"),
    [
        (int, ..., {}),
        (str, ..., {}),
        (str, "a", {"x": ""}),
        (date, date(2026, 1, 2), {}),
        (int | str, ..., {}),
        (int | str, 1, {}),
        (int | None, 1, {"x": None}),
        (str | None, "a", {"x": None}),
        (list[int], [1], {"x": []}),
        (list[int] | None, [1], {"x": None}),
        (bool, True, {"x": False}),
    ],
)
def test_an_empty_field_of_a_page_is_null_only_where_that_is_allowed(type, default, values):
    assert read_fields(spec(x=(type, default)), {"x": [""]}) == values


def test_an_unchecked_box_is_false():
    assert read_fields(spec(x=(bool, True)), {}) == {"x": False}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("3d", 259_200), ("99999d", 99_999 * 86_400)]
)
def test_a_duration_is_a_number_with_its_unit(text, seconds):
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "1w", "1.5h", "\u0665m", "100000d", "5m\n", None, 5])
def test_other_texts_are_no_durations(text):
    with pytest.raises(ValueError, match="such as 10m"):
        read_duration(text)
