"""The field of a parameter: its control, its limits in words and as attributes, and its values."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import Field

from taskdesk.jobs.form_texts import read_fields, write_fields
from taskdesk.jobs.task import CsvFile, LongText
from taskdesk.web.pages.view.fields import form_fields
from tests.jobs.test_parsing import spec


class Color(Enum):
    RED = "red"
    BLUE = "blue"


def field(type: Any, default: Any = ...) -> Any:
    [found] = form_fields(spec(x=(type, default)))
    return found


@pytest.mark.parametrize(
    ("type", "control", "options"),
    [
        (str, "text", []),
        (LongText, "multiline", []),
        (int, "number", []),
        (float | None, "number", []),
        (bool, "checkbox", []),
        (bool | None, "select", ["", "true", "false"]),
        (date, "date", []),
        (datetime, "datetime", []),
        (Literal["a", "b"], "select", ["", "a", "b"]),
        (Literal["a"], "select", ["", "a"]),
        (list[int], "list", []),
        (list[Literal[1, 2]], "choices", ["1", "2"]),
        (set[Literal["a", "b"]], "choices", ["a", "b"]),
        (dict[str, int], "json", []),
        (CsvFile, "file", []),
        (CsvFile | None, "file", []),
    ],
)
def test_each_kind_of_parameter_has_its_control(type, control, options):
    assert (field(type).control, [*field(type).options]) == (control, options)


def test_a_select_starts_with_its_default_or_with_no_choice():
    assert ([*field(Literal["a", "b"], "b").options], field(Literal["a", "b"], "b").value) == (["a", "b"], "b")
    assert ([*field(Literal["a", "b"]).options], field(Literal["a", "b"]).value) == (["", "a", "b"], "")


@pytest.mark.parametrize(
    ("type", "words"),
    [
        (int, ""),
        (Annotated[int, Ge(1), Le(2000)], "1 to 2000."),
        (Annotated[float, Ge(0), Lt(1)], "At least 0, less than 1."),
        (Annotated[int | None, Gt(0)], "Greater than 0."),
        (Annotated[int, MultipleOf(5)], "A multiple of 5."),
        (Annotated[str, MinLen(1)], ""),  # required says it
        (Annotated[str, MinLen(1), MaxLen(1)], "At most 1 character."),
        (Annotated[str, MinLen(2), MaxLen(5)], "2 to 5 characters."),
        (Annotated[list[int], MinLen(1)], "At least 1 entry."),
        (Annotated[list[int], MinLen(2), MaxLen(2)], "Exactly 2 entries."),
        (Annotated[str, Field(pattern="^[a-z]$")], "Pattern `^[a-z]$`."),
    ],
)
def test_limits_have_words(type, words):
    assert field(type).bounds == words


@pytest.mark.parametrize(
    ("type", "words"),
    [
        (UUID, "A UUID such as 123e4567-e89b-42d3-a456-426614174000."),
        (timedelta | None, "A duration such as PT1H30M."),
        (date | datetime, "A date such as 2026-03-31 or a date and time with a zone, such as 2026-03-31T12:00:00Z."),
        (Literal["sqrt", "log2"] | float, "This takes sqrt or log2 or a number."),
        (dict[str, int], "An object as JSON."),
        (Any, "Any JSON."),
        (int | list[int], "A whole number or a list as JSON."),
        (dict[str, int] | int, "An object as JSON or a whole number."),
        (tuple[int, str], "In this order: a whole number, text. Exactly 2 entries."),
        (list[UUID], "Each entry: a UUID such as 123e4567-e89b-42d3-a456-426614174000."),
        (list[list[int]], "Each entry: a list as JSON."),
        (int | str, ""),  # the choice beside the field says it
        (list[int], ""),
        (str | None, ""),
    ],
)
def test_a_hint_says_what_to_type_where_the_control_does_not_show_it(type, words):
    assert field(type).bounds == words


@pytest.mark.parametrize(
    ("type", "default", "ways"),
    [
        (str | None, ..., {"": "nothing if empty", "text": "an empty text if empty"}),
        (LongText | None, None, {"": "nothing if empty", "text": "an empty text if empty"}),
        (str, None, {"": "the default if empty", "text": "an empty text if empty"}),
        (Annotated[str, MinLen(1)] | None, None, {}),  # takes no empty text
        (str, "a", {}),  # an empty field is the empty text
        (UUID | None, None, {}),
        (str, ..., {}),
    ],
)
def test_an_optional_text_can_be_empty_or_nothing(type, default, ways):
    task = spec(x=(type, default))

    assert form_fields(task)[0].ways == ways
    if ways:
        assert read_fields(task, {"x": [""], "x:as": ["text"]}) == {"x": ""}
        assert read_fields(task, {"x": [""], "x:as": [""]}) == ({} if default is None and type is str else {"x": None})


def test_a_required_text_can_be_empty_once_the_form_was_refused():
    task = spec(x=(str, ...))

    [refused] = form_fields(task, {"x": [""]}, {"x": "Required."})

    assert refused.ways == {"": "text", "text": "text, also empty"}
    assert read_fields(task, {"x": [""], "x:as": ["text"]}) == {"x": ""}
    assert form_fields(task, {"x": ["a"]}, {"x": "This is wrong."})[0].ways == {}


@pytest.mark.parametrize(
    ("type", "is_required"),
    [(str, True), (int, True), (list[str], True), (str | None, False), (bool | None, False), (bool, False)],
)
def test_a_field_that_may_stay_empty_is_not_called_required(type, is_required):
    assert field(type).required is is_required


def test_limits_of_one_type_do_not_keep_a_browser_from_sending_another():
    assert field(Annotated[str, MaxLen(2), Field(pattern="a")] | Literal["long"]).limits == {}
    assert field(Annotated[str, MaxLen(2)] | None).limits == {"maxlength": 2}


def test_limits_are_attributes_too():
    assert field(Annotated[int, Ge(1), Le(3)]).limits == {"min": 1, "max": 3, "step": 1}
    assert field(Annotated[float, MultipleOf(0.5)]).limits == {"step": 0.5}
    assert field(Annotated[str, MinLen(1), MaxLen(9), Field(pattern="a")]).limits == {
        "minlength": 1,
        "maxlength": 9,
        "pattern": "a",
    }
    assert field(CsvFile).limits == {"accept": ".csv"}


@pytest.mark.parametrize(
    ("type", "control"),
    [(int, "number"), (date, "date"), (bool, "select"), (datetime, "text"), (dict[str, int], "text"), (str, "text")],
)
def test_an_entry_of_a_list_has_a_control_of_its_own(type, control):
    assert field(list[type]).entry.control == control


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (str, "a\nb"),
        (bool, True),
        (bool, False),
        (bool | None, None),
        (int | None, 3),
        (Literal[1, 2], 2),
        (Color, "blue"),
        (list[int], [1, 2]),
        (list[int], []),
        (list[bool], [True, False]),
        (list[list[int]], [[1, 2], [3]]),
        (list[Literal["a", "b"]], ["b"]),
        (dict[str, int], {"a": 1}),
        (date, "2026-01-02"),
    ],
)
def test_what_a_form_is_filled_with_is_read_back_as_it_was(type, value):
    task = spec(x=(type, ...))

    assert read_fields(task, write_fields(task, {"x": value})) == {"x": value}


@pytest.mark.parametrize("value", ["\n", "a\nb", " a\n", "a\r\nb"])
@pytest.mark.parametrize("type", [Any, dict[str, int] | str, str, LongText])
def test_lines_are_read_back_as_they_were_from_what_a_browser_sends(type, value):
    task = spec(x=(type, ...))

    texts = write_fields(task, {"x": value})
    sent = {name: [re.sub("\r\n?|\n", "\r\n", text) for text in given] for name, given in texts.items()}

    assert read_fields(task, sent) == {"x": value}


def test_defaults_fill_the_form():
    task = spec(a=(int, 3), b=(list[str], ["x", "y"]), c=(Color, Color.BLUE), d=(bool, True), e=(Path, ...))

    assert task.defaults == {"a": 3, "b": ["x", "y"], "c": "blue", "d": True}
    assert [field.value for field in form_fields(task)][:4] == ["3", "x\ny", "blue", "true"]
    assert form_fields(task)[3].is_checked


@pytest.mark.parametrize(
    ("default", "shown", "read"),
    [
        ("2026-01-02T12:00:30Z", "2026-01-02T12:00:30.000", {"x": "2026-01-02T12:00:30.000Z"}),
        ("2026-01-02T12:00:00+02:00", "2026-01-02T12:00:00+02:00", {"x": "2026-01-02T12:00:00+02:00"}),
        ("2026-01-02T12:00:00", "2026-01-02T12:00", {}),  # the function's own default has no zone
    ],
)
def test_a_date_time_is_shown_in_utc_and_with_another_offset_as_it_is(default, shown, read):
    task = spec(x=(datetime, datetime.fromisoformat(default)))

    [field] = form_fields(task)

    assert field.value == shown
    assert read_fields(task, {"x": [field.value], "x:as": [field.way]}) == read


@pytest.mark.parametrize(
    ("type", "label"),
    [
        (int, "Number of days"),
        (Annotated[int, Field(title="Days, at most 7")], "Days, at most 7"),
        (Color, "Number of days"),
        (Annotated[int | None, Field(title="Days")], "Days"),
    ],
)
def test_a_field_has_the_title_that_its_author_gave_it_or_its_name(type, label):
    [found] = form_fields(spec(number_of_days=(type, ...)))

    assert found.label == label
