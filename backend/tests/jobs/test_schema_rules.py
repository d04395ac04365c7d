"""The table of rules has a row for everything that pydantic emits, and its examples keep the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pydantic
import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import (
    UUID1,
    UUID3,
    UUID4,
    UUID5,
    UUID6,
    UUID7,
    UUID8,
    AnyUrl,
    BaseModel,
    DirectoryPath,
    Field,
    FilePath,
    IPvAnyAddress,
    IPvAnyInterface,
    IPvAnyNetwork,
    Json,
    PostgresDsn,
    SecretStr,
    TypeAdapter,
    json_schema,
)

from taskdesk.jobs.schema import STRUCTURE, Schema
from taskdesk.jobs.schema_rules import ANNOTATIONS, KEYWORDS, example_value, limits_in_words
from taskdesk.jobs.task import CsvFile, LongText
from taskdesk.jobs.value_types import FORMATS

ROWS = KEYWORDS.keys() | STRUCTURE | ANNOTATIONS


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    lives: int = Field(9, title="Lives", examples=[9], deprecated=True)


class Dog(BaseModel):
    kind: Literal["dog"]


PARAMETERS = [
    str, int, float, bool, None, Any, date, datetime, time, timedelta, bytes, Decimal, complex, Fraction, re.Pattern,
    UUID, UUID1, UUID3, UUID4, UUID5, UUID6, UUID7, UUID8, AnyUrl, PostgresDsn, SecretStr, Json[list[int]],
    IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network,
    IPvAnyAddress, IPvAnyInterface, IPvAnyNetwork,
    Path, FilePath, DirectoryPath, CsvFile, LongText, Literal["a", "b"], Literal[1],
    int | None, int | str, list[int], tuple[int, str], set[int], dict[str, int],
    dict[Annotated[str, Field(max_length=3)], int], dict[Annotated[str, Field(pattern="^a")], int],
    Annotated[int, Ge(1), Le(9), MultipleOf(2)], Annotated[float, Gt(1), Lt(9)],
    Annotated[str, MinLen(2), MaxLen(3), Field(pattern="^a")], Annotated[list[int], MinLen(1), MaxLen(2)],
    Annotated[dict[str, int], MinLen(1), MaxLen(2)], Annotated[Cat | Dog, Field(discriminator="kind")],
]  # fmt: skip


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all its parts."""
    if not isinstance(schema, dict):
        return
    yield schema
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("prefixItems", ())]
    inner += [schema.get(name) for name in ("items", "additionalProperties", "propertyNames", "contentSchema")]
    for name in ("properties", "patternProperties", "$defs"):
        inner += schema.get(name, {}).values()
    for one in inner:
        yield from parts(one)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=str)
def test_every_keyword_and_format_of_a_parameter_has_a_row(parameter):
    found = [*parts(TypeAdapter(parameter).json_schema())]

    assert {keyword for part in found for keyword in part} - ROWS <= {"$ref", "$defs"}  # the worker puts them in place
    assert {part["format"] for part in found if "format" in part} <= FORMATS.keys()


def test_every_limit_and_format_that_stands_in_pydantic_has_a_row():
    limits = vars(json_schema.GenerateJsonSchema.ValidationsMapping)
    named = {name for mapping in limits.values() if isinstance(mapping, dict) for name in mapping.values()}
    sources = [path.read_text() for path in Path(pydantic.__file__).parent.rglob("*.py") if "v1" not in path.parts]
    formats = {name for source in sources for name in re.findall(r"""format(?:['"]:\s|=)['"]([a-z\d-]+)['"]""", source)}

    assert named <= KEYWORDS.keys()
    assert {"uri", "uuid", "email", "regex"} <= formats <= FORMATS.keys()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5},
        {"type": "integer", "maximum": 0},
        {"type": "integer", "exclusiveMinimum": 5},
        {"type": "integer", "exclusiveMaximum": 0},
        {"type": "integer", "multipleOf": 7},
        {"type": "integer", "minimum": 5, "maximum": 9, "multipleOf": 3},
        {"type": "number", "minimum": 0.5, "maximum": 0.9},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "string", "minLength": 9},
        {"type": "string", "maxLength": 2},
        {"type": "string", "minLength": 1, "maxLength": 1},
        {"minimum": 3},
    ],
    ids=str,
)
def test_an_example_keeps_the_limits(schema):
    assert Schema(schema).is_valid(example_value(schema))


def test_the_words_for_a_range_name_what_it_counts():
    assert limits_in_words({"type": "object", "minProperties": 1, "maxProperties": 3}) == "1 to 3 members"
