"""The types and formats of values: one row for each, with its words, its example, its control and its check.

A format of text is checked by the very type that the worker reads it with. So what the web accepts, no job fails for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from zoneinfo import ZoneInfo

import pydantic
from pydantic import TypeAdapter, ValidationError

from taskdesk.jobs.task import DECIMAL_FORMAT, FILE_FORMAT, LONG_TEXT_FORMAT, SECRET_FORMAT

_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?")
_BOOLEANS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


# Parsers of texts. A text that does not fit stays text, for the check to name it.


def line_ends(text: str) -> str:
    """Return a text of a form or of the command line with the line ends of Python."""
    return text.replace("\r\n", "\n")


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _number(text: str) -> int | float | str:
    if isinstance(whole := _integer(text), int):
        return whole
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _boolean(text: str) -> bool | str:
    return _BOOLEANS.get(text.lower(), text)


def _of(type: Any, pattern: re.Pattern[str] | None = None) -> Callable[[str], bool]:
    """Return the check that pydantic reads a text as this type; and before, that the text has the pattern."""

    @cache
    def adapter() -> TypeAdapter[Any]:
        return TypeAdapter(type)

    def accepts(text: str) -> bool:
        if pattern and not pattern.fullmatch(text):
            return False
        try:
            adapter().validate_python(text)
        except ValidationError:
            return False
        return True

    return accepts


def with_zone(text: str) -> str:
    """Add UTC, and the seconds, to a date-time without a zone, as a browser's field has it. Other texts stay."""
    moment = _NO_ZONE.fullmatch(text)
    if not moment:
        return text
    return f"{text}Z" if moment[1] else f"{text}:00Z"


@dataclass(frozen=True)
class ValueType:
    """A type of JSON, or a format of text.

    `words` completes "Must be …". `control` is that of a FormField. `parse` reads a text. `accepts` takes the
    place of jsonschema's check. If `is_emptiable`, a field that was emptied means the empty text. `is_path`: the value
    names a file of the worker, unless it is an upload.
    """

    words: str
    example: Any
    control: str = "text"
    parse: Callable[[str], Any] = line_ends
    accepts: Callable[[str], bool] | None = None
    is_emptiable: bool = False
    is_path: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


TYPES = {
    "string": ValueType("text", "text", is_emptiable=True),
    "integer": ValueType("a whole number", 1, "number", _integer, attributes={"step": 1}),
    "number": ValueType("a number", 0.5, "number", _number, attributes={"step": "any"}),
    "boolean": ValueType("true or false", True, "checkbox", _boolean),
    "array": ValueType("a list", [], "list"),
    "object": ValueType("an object", {}, "json"),
    "null": ValueType("empty", None, "json"),
}
_ANY = ValueType("any JSON", "text", "json")


def _such_as(noun: str, example: str, **rest: Any) -> ValueType:
    return ValueType(f"{noun} such as {example}", example, **rest)


# Without `accepts` jsonschema checks the format, if it knows it. A time needs no zone, a date-time does.
FORMATS = {
    FILE_FORMAT: ValueType("a file", "file", "file", is_path=True),
    LONG_TEXT_FORMAT: ValueType("text", "text", "multiline", is_emptiable=True),
    SECRET_FORMAT: ValueType("a password", "secret", "password"),
    DECIMAL_FORMAT: _such_as("a decimal number", "12.50", control="decimal", parse=str.strip, accepts=_of(Decimal)),
    "date": _such_as("a date", "2026-03-31", control="date", accepts=_of(date, _DATE)),
    "date-time": _such_as(
        "a date and time with a zone,", "2026-03-31T12:00:00Z", control="datetime", accepts=_of(datetime, _DATE_TIME)
    ),
    "time": _such_as("a time", "12:00:00", accepts=_of(time, _TIME)),
    "duration": _such_as("a duration", "PT1H30M", accepts=_of(timedelta)),
    "uri": _such_as("an address", "https://example.com/", accepts=_of(pydantic.AnyUrl)),
    "multi-host-uri": _such_as("an address", "postgresql://user@first,second/database"),
    "email": _such_as("an email address", "ada@example.com"),
    "name-email": _such_as("a name and email address", "Ada <ada@example.com>"),
    "uuid": _such_as("a UUID", "123e4567-e89b-42d3-a456-426614174000"),
    **{
        f"uuid{n}": _such_as(
            "a UUID", f"123e4567-e89b-{n}2d3-a456-426614174000", accepts=_of(getattr(pydantic, f"UUID{n}"))
        )
        for n in (1, 3, 4, 5, 6, 7, 8)
    },
    "ipv4": _such_as("an IPv4 address", "192.0.2.1", accepts=_of(IPv4Address)),
    "ipv4interface": _such_as("an IPv4 interface", "192.0.2.1/24", accepts=_of(IPv4Interface)),
    "ipv4network": _such_as("an IPv4 network", "192.0.2.0/24", accepts=_of(IPv4Network)),
    "ipv6": _such_as("an IPv6 address", "2001:db8::1", accepts=_of(IPv6Address)),
    "ipv6interface": _such_as("an IPv6 interface", "2001:db8::1/64", accepts=_of(IPv6Interface)),
    "ipv6network": _such_as("an IPv6 network", "2001:db8::/64", accepts=_of(IPv6Network)),
    "ipvanyaddress": _such_as("an IP address", "192.0.2.1", accepts=_of(pydantic.IPvAnyAddress)),
    "ipvanyinterface": _such_as("an IP interface", "192.0.2.1/24", accepts=_of(pydantic.IPvAnyInterface)),
    "ipvanynetwork": _such_as("an IP network", "192.0.2.0/24", accepts=_of(pydantic.IPvAnyNetwork)),
    "base64": _such_as("base64", "dGV4dA==", accepts=_of(pydantic.Base64Bytes)),
    "base64url": _such_as("base64url", "dGV4dA==", accepts=_of(pydantic.Base64UrlBytes)),
    "color": _such_as("a color", "#1a2b3c"),
    "integer-text": _such_as("a whole number", "12", accepts=_of(int)),  # these three are names in an object
    "number-text": _such_as("a number", "0.5", accepts=_of(float)),
    "boolean-text": _such_as("true or false,", "true", accepts=_of(bool)),
    "complex": _such_as("a complex number", "1+2j", accepts=_of(complex)),
    "fraction": _such_as("a fraction", "1/3", accepts=_of(Fraction)),
    "regex": _such_as("a regular expression", "^a+$", accepts=_of(re.Pattern)),
    "zoneinfo": _such_as("a time zone", "Europe/Berlin", accepts=_of(ZoneInfo)),
    "path": ValueType("a path", "folder/file", is_path=True),
    "file-path": ValueType("the path of a file", "folder/file", is_path=True),
    "directory-path": ValueType("the path of a folder", "folder", is_path=True),
}
PATH_FORMATS = {name for name, row in FORMATS.items() if row.is_path}


def format_in_words(name: str) -> str:
    return FORMATS[name].words if name in FORMATS else f"a valid {name}"


def value_type(schema: dict[str, Any]) -> ValueType:
    """Return the row for a schema of one type: that of its format, or else of its type."""
    if schema.get("format") in FORMATS or ("format" in schema and schema.get("type", "string") == "string"):
        return FORMATS.get(schema["format"]) or ValueType(format_in_words(schema["format"]), "text")
    return TYPES.get(str(schema.get("type")), _ANY)
