"""The rules of a JSON Schema: one row for each keyword, each type and each format.

Whatever shows, checks or reads a value of a task uses these rows: the errors of the API and of the command line, the
fields of a form with their hints and attributes, the code samples, and the page of the API. A new format is one row of
FORMATS, a new keyword one row of KEYWORDS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from taskdesk.jobs.errors import NotJson
from taskdesk.jobs.strict_json import parse_json
from taskdesk.jobs.task import FILE_FORMAT, LONG_TEXT_FORMAT

_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?")
_BOOLEANS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


# Parsers of texts. A text that does not fit stays text, for the check to name it.


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n")


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _boolean(text: str) -> bool | str:
    return _BOOLEANS.get(text.lower(), text)


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJson:
        return text


def with_zone(text: str) -> str:
    """Add UTC, and the seconds, to a date-time without a zone, as a browser's field has it. Other texts stay."""
    moment = _NO_ZONE.fullmatch(text)
    if not moment:
        return text
    return f"{text}Z" if moment[1] else f"{text}:00Z"


@dataclass(frozen=True)
class ValueType:
    """A type of JSON, or a format of text.

    `words` completes "This has to be …". `control` is that of a FormField. `parse` reads a text. `accepts` takes the
    place of jsonschema's check. If `is_emptiable`, a field that was emptied means the empty text. `is_path`: the value
    names a file of the worker, unless it is an upload.
    """

    words: str
    example: Any
    control: str = "text"
    parse: Callable[[str], Any] = _line_ends
    accepts: Callable[[str], bool] | None = None
    is_emptiable: bool = False
    is_path: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


TYPES = {
    "string": ValueType("text", "text", is_emptiable=True),
    "integer": ValueType("a whole number", 1, "number", _integer, attributes={"step": 1}),
    "number": ValueType("a number", 0.5, "number", _number, attributes={"step": "any"}),
    "boolean": ValueType("true or false", True, "checkbox", _boolean),
    "array": ValueType("a list", [], "list", _json),
    "object": ValueType("an object", {}, "json", _json),
    "null": ValueType("empty", None, "json"),
}
_ANY = ValueType("any JSON", "text", "json")


def _anything(text: str) -> bool:
    return True


def _such_as(noun: str, example: str, **rest: Any) -> ValueType:
    return ValueType(f"{noun} such as {example}", example, **rest)


# `accepts` stands where jsonschema checks more strictly than pydantic does in the worker. A time needs no zone there.
FORMATS = {
    FILE_FORMAT: ValueType("a file", "file", "file", is_path=True),
    LONG_TEXT_FORMAT: ValueType("text", "text", "multiline", is_emptiable=True),
    "date": _such_as("a date", "2026-03-31", control="date"),
    "date-time": _such_as("a date and time with a zone,", "2026-03-31T12:00:00Z", control="datetime", parse=with_zone),
    "time": _such_as("a time", "12:00:00", accepts=lambda text: _TIME.fullmatch(text) is not None),
    "duration": _such_as("a duration", "PT1H30M", accepts=_anything),
    "uri": _such_as("an address", "https://example.com/", accepts=_anything),
    "multi-host-uri": _such_as("an address", "postgresql://user@first,second/database"),
    "email": _such_as("an email address", "ada@example.com"),
    "name-email": _such_as("a name and email address", "Ada <ada@example.com>"),
    "uuid": _such_as("a UUID", "123e4567-e89b-42d3-a456-426614174000"),
    **{f"uuid{n}": _such_as("a UUID", f"123e4567-e89b-{n}2d3-a456-426614174000") for n in (1, 3, 4, 5, 6, 7, 8)},
    "ipv4": _such_as("an IPv4 address", "192.0.2.1"),
    "ipv4interface": _such_as("an IPv4 interface", "192.0.2.1/24"),
    "ipv4network": _such_as("an IPv4 network", "192.0.2.0/24"),
    "ipv6": _such_as("an IPv6 address", "2001:db8::1"),
    "ipv6interface": _such_as("an IPv6 interface", "2001:db8::1/64"),
    "ipv6network": _such_as("an IPv6 network", "2001:db8::/64"),
    "ipvanyaddress": _such_as("an IP address", "192.0.2.1"),
    "ipvanyinterface": _such_as("an IP interface", "192.0.2.1/24"),
    "ipvanynetwork": _such_as("an IP network", "192.0.2.0/24"),
    "base64url": _such_as("base64url", "dGV4dA=="),
    "color": _such_as("a color", "#1a2b3c"),
    "fraction": _such_as("a fraction", "1/3"),
    "password": ValueType("a password", "secret"),
    "regex": _such_as("a regular expression", "^a+$"),
    "zoneinfo": _such_as("a time zone", "Europe/Berlin"),
    "path": ValueType("a path", "folder/file", is_path=True),
    "file-path": ValueType("the path of a file", "folder/file", is_path=True),
    "directory-path": ValueType("the path of a folder", "folder", is_path=True),
}
PATH_FORMATS = {name for name, row in FORMATS.items() if row.is_path}


@dataclass(frozen=True)
class Keyword:
    """A keyword that limits values. `{}` in its texts is the limit, with the `unit` (one, many) that it counts.

    `sentence` is the error, `hint` stands beside the field. `upper` is the keyword for the upper end of a range whose
    lower end this is. A limit of at most `trivial` says nothing beside "required". `attributes` are those of HTML, by
    control. `fit` changes an example of the type that the keyword `limits`, so that it keeps the limit.
    """

    sentence: str
    hint: str = ""
    unit: tuple[str, str] = ("", "")
    upper: str = ""
    trivial: float = -math.inf
    attributes: Mapping[str, str] = field(default_factory=dict)
    limits: type | tuple[type, ...] = ()
    fit: Callable[[Any, Any], Any] = lambda example, limit: example
    words: Callable[[Any], str] = str

    def amount(self, limit: Any) -> str:
        return f"{self.words(limit)} {self.unit[0] if limit == 1 else self.unit[1]}".strip()


def _types_in_words(types: str | list[str]) -> str:
    return " or ".join(TYPES[name].words for name in ([types] if isinstance(types, str) else types))


def _choices_in_words(choices: list[Any]) -> str:
    return ", ".join(map(str, choices))


def _format_in_words(name: str) -> str:
    return FORMATS[name].words if name in FORMATS else f"a valid {name}"


def _number_limit(phrase: str, attribute: str, fit: Callable[[Any, Any], Any], upper: str = "") -> Keyword:
    attributes = {"number": attribute} if attribute else {}
    return Keyword(
        f"This has to be {phrase}.", phrase, upper=upper, attributes=attributes, limits=(int, float), fit=fit
    )


def _count_limit(phrase: str, unit: tuple[str, str], upper: str = "", **rest: Any) -> Keyword:
    return Keyword(f"This has to have {phrase}.", phrase, unit, upper, **rest)


_CHARACTERS, _ENTRIES, _MEMBERS = ("character", "characters"), ("entry", "entries"), ("member", "members")
_MIN_LENGTH = {"text": "minlength", "multiline": "minlength"}
_MAX_LENGTH = {"text": "maxlength", "multiline": "maxlength"}
KEYWORDS = {
    "type": Keyword("This has to be {}.", words=_types_in_words),
    "enum": Keyword("This has to be one of: {}.", words=_choices_in_words),
    "const": Keyword("This has to be {}."),
    "format": Keyword("This has to be {}.", words=_format_in_words),
    "minimum": _number_limit("at least {}", "min", max, upper="maximum"),
    "maximum": _number_limit("at most {}", "max", min),
    "exclusiveMinimum": _number_limit(
        "greater than {}", "", lambda example, low: example if example > low else low + 1
    ),
    "exclusiveMaximum": _number_limit(
        "less than {}", "", lambda example, high: example if example < high else high - 1
    ),
    "multipleOf": _number_limit("a multiple of {}", "step", lambda example, of: of * math.ceil(example / of)),
    "minLength": _count_limit(
        "at least {}", _CHARACTERS, "maxLength", trivial=1, attributes=_MIN_LENGTH, limits=str, fit=str.ljust
    ),
    "maxLength": _count_limit(
        "at most {}", _CHARACTERS, attributes=_MAX_LENGTH, limits=str, fit=lambda example, high: example[:high]
    ),
    "minItems": _count_limit("at least {}", _ENTRIES, "maxItems"),
    "maxItems": _count_limit("at most {}", _ENTRIES),
    "uniqueItems": Keyword("Each entry may be there only once."),
    "minProperties": _count_limit("at least {}", _MEMBERS, "maxProperties"),
    "maxProperties": _count_limit("at most {}", _MEMBERS),
    "propertyNames": Keyword("The name of a member breaks a rule of the task's input_schema."),
    "pattern": Keyword("This has to match the pattern {}.", "pattern `{}`", attributes={"text": "pattern"}),
    "oneOf": Keyword("This has to fit exactly one of the types that the task's input_schema allows."),
}
_UPPER_LIMITS = {row.upper for row in KEYWORDS.values()}
_HINTED = [name for name, row in KEYWORDS.items() if row.hint and name not in _UPPER_LIMITS]
# Keywords that describe a value and limit nothing.
ANNOTATIONS = {
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "extensions",
    "contentEncoding", "contentMediaType", "contentSchema",
}  # fmt: skip


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter without "or null"; of several types, the first."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return {**schema, **choices[0]} if choices else schema


def value_type(schema: dict[str, Any]) -> ValueType:
    """Return the row for a plain schema: that of its format, or else of its type."""
    if "format" in schema and schema.get("type", "string") == "string":
        return FORMATS.get(schema["format"]) or ValueType(_format_in_words(schema["format"]), "text")
    return TYPES.get(str(schema.get("type")), _ANY)


def is_file(schema: dict[str, Any]) -> bool:
    return schema.get("format") == FILE_FORMAT


def takes_path(schema: dict[str, Any]) -> bool:
    """Return True if the function gets the path of this file, False if it gets its bytes."""
    return "extensions" in schema


def sentence(keyword: str, limit: Any) -> str:
    """Return the error for a value that breaks this rule."""
    row = KEYWORDS.get(keyword)
    if not row:
        return f"This breaks the rule {keyword} of the task's input_schema."
    return row.sentence.format(row.amount(limit))


def limits_in_words(schema: dict[str, Any]) -> str:
    """Return all limits of a plain schema, an empty text if there are none: '1 to 2000, a multiple of 5'."""
    return ", ".join(filter(None, (_limit_in_words(name, schema) for name in _HINTED)))


def _limit_in_words(name: str, schema: dict[str, Any]) -> str:
    row = KEYWORDS[name]
    low, high = schema.get(name), schema.get(row.upper)
    if low is not None and row.upper and low <= row.trivial:
        low = None
    if high is None:
        return row.hint.format(row.amount(low)) if low is not None else ""
    if low is None:
        return KEYWORDS[row.upper].hint.format(row.amount(high))
    return f"{low} to {row.amount(high)}" if low != high else f"exactly {row.amount(high)}"


def attributes(control: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the limits of a plain schema as HTML attributes of a control."""
    own = value_type(schema)
    rows = ((KEYWORDS[name].attributes.get(control), limit) for name, limit in schema.items() if name in KEYWORDS)
    return {**(own.attributes if own.control == control else {}), **{name: limit for name, limit in rows if name}}


def example_value(schema: dict[str, Any]) -> Any:
    """Return a value that fits the schema of a parameter, but maybe not its pattern."""
    schema = plain_schema(schema)
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    value = value_type(schema).example
    for name, row in KEYWORDS.items():
        if name in schema and isinstance(value, row.limits):
            value = row.fit(value, schema[name])
    return value
