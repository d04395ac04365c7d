"""Arguments are checked by the schema, for one job and for many. Sentences: tests/web/api/test_submit.py."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyUrl, Field

from taskdesk.jobs.arguments import MAX_ERRORS, check, check_many
from taskdesk.jobs.errors import InvalidArguments
from tests.jobs.test_parsing import spec

DATE_OR_TIME = "Must be a date such as 2026-03-31 or a date and time with a zone, such as 2026-03-31T12:00:00Z."


def errors(type: Any, value: Any) -> list[tuple[str, str]]:
    try:
        check(spec(x=(type, ...)), {"x": value})
    except InvalidArguments as error:
        return [(found.pointer, found.detail) for found in error.errors]
    return []


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (time, "12:00"),
        (time, "12:00:00.5+02:00"),
        (timedelta, "-P1D"),
        (AnyUrl, "http://example.org/ä"),
        (datetime, "2026-01-02T12:00:00Z"),
        (int, 10**30),
        (int | None, None),
    ],
)
def test_values_that_the_worker_accepts_are_accepted(type, value):
    assert errors(type, value) == []


@pytest.mark.parametrize(
    ("type", "value", "sentence"),
    [
        (time, "25:00", "Must be a time such as 12:00:00."),
        (datetime, "2026-01-02", "Must be a date and time with a zone, such as 2026-03-31T12:00:00Z."),
        (int, True, "Must be a whole number."),
        (int | str | None, [], "Must be a whole number or text."),
        (Literal["sqrt", "log2"] | float | None, "log", "Must be sqrt or log2 or a number."),
        (date | datetime, "x", DATE_OR_TIME),
        (int | Annotated[str, Field(min_length=2)], "a", "Must have at least 2 characters."),
        (None | int, "x", "Must be a whole number."),
        (set[int], [1, 1], "Each entry may be there only once."),
        (Annotated[dict[str, int], Field(min_length=2)], {"a": 1}, "Must have at least 2 members."),
        (Annotated[dict[str, int], Field(max_length=1)], {"a": 1, "b": 2}, "Must have at most 1 member."),
        (Annotated[str, Field(max_length=1)], "ab", "Must have at most 1 character."),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "Must have at most 1 entry."),
        (Annotated[list[int], Field(min_length=11)], [], "Must have at least 11 entries."),
    ],
)
def test_a_wrong_value_gets_a_sentence(type, value, sentence):
    assert errors(type, value) == [("/x", sentence)]


def test_a_pointer_leads_into_lists_and_escapes_names():
    assert errors(dict[str, list[int]], {"a/b~c": [1, "2"]}) == [("/x/a~1b~0c/1", "Must be a whole number.")]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (Annotated[str, Field(max_length=1)], "This name must have at most 1 character."),
        (Literal["a", "b"], "This name must be one of: a, b."),
        (Annotated[str, Field(json_schema_extra={"not": {"enum": ["ab", "c"]}})], "This name can't be one of: ab, c."),
    ],
)
def test_a_wrong_name_gets_a_sentence_with_the_name(names, sentence):
    assert errors(dict[names, int], {"a": 1, "ab": 1}) == [("/x/ab", sentence)]


def test_a_pattern_that_only_python_reads_is_left_to_the_worker():
    python = Annotated[str, Field(pattern=re.compile(r"a\Z"), max_length=2)]

    assert errors(python, "b") == []
    assert errors(python, "abc") == [("/x", "Must have at most 2 characters.")]


def test_only_some_of_many_wrong_arguments_are_named():
    with pytest.raises(InvalidArguments) as caught:
        check_many(spec(x=(int, ...)), [{}] * 1000, "/inputs")

    assert len(caught.value.errors) == MAX_ERRORS
    assert caught.value.errors[-1].pointer == f"/inputs/{MAX_ERRORS - 1}/x"


def test_the_arguments_of_many_jobs_are_checked_at_once():
    task = spec(x=(int, ...), y=(int, 0))

    check_many(task, [{"x": n} for n in range(1000)])
    with pytest.raises(InvalidArguments) as caught:
        check_many(task, [{"x": 1}, {"y": "a"}, 5])

    assert [(found.pointer, found.detail) for found in caught.value.errors] == [
        ("/1/x", "Required."),
        ("/1/y", "Must be a whole number."),
        ("/2", "Must be an object."),
    ]


@pytest.mark.parametrize(
    ("type", "value", "pointer", "sentence"),
    [
        (tuple[int, str], [1, 2], "/x/1", "Must be text."),
        (dict[Annotated[str, Field(pattern="^a")], int], {"a": "x"}, "/x/a", "Must be a whole number."),
        (
            Annotated[Any, Field(json_schema_extra={"allOf": [{"type": "integer"}]})], "x", "/x",
            "Must be a whole number.",
        ),
        (
            Annotated[Any, Field(json_schema_extra={"if": {"type": "string"}, "then": False})], "x", "/x",
            "This breaks the rules of the task's input_schema.",
        ),
        (dict[str, int], {"k" * 200: "x"}, f"/x/{'k' * 100}…", "Must be a whole number."),
    ],
)  # fmt: skip
def test_an_error_points_to_its_place(type, value, pointer, sentence):
    assert errors(type, value) == [(pointer, sentence)]


def test_a_slow_pattern_is_left_to_the_worker_and_others_are_checked():
    slow = Annotated[str, Field(pattern=re.compile(r"^(a+)+\1b$"))]
    task = spec(x=(slow, ...), y=(Annotated[str, Field(pattern="^b")], ...), z=(dict[slow, int], {}))

    with pytest.raises(InvalidArguments) as caught:
        check(task, {"x": "a" * 10_000, "y": "c", "z": {"a": 1}})

    assert [(found.pointer, found.detail) for found in caught.value.errors] == [("/y", "Must match the pattern ^b.")]
