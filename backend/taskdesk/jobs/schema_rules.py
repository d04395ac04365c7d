"""The rules of a JSON Schema: one row for each keyword. Types and formats have theirs in value_types.py.

Whatever shows, checks or reads a value of a task uses these rows: the errors of the API and of the command line, the
fields of a form with their hints and attributes, the code samples, and the page of the API. A new keyword is
one row of KEYWORDS, a new format one row of FORMATS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from taskdesk.jobs.task import COLUMN_OF, FILE_FORMAT
from taskdesk.jobs.value_types import TYPES, format_in_words, value_type


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

    def amount(self, limit: Any, schema: Mapping[str, Any]) -> str:
        unit = _FILES if self.unit == _ENTRIES and is_file_list(schema) else self.unit
        return f"{self.words(limit)} {unit[0] if limit == 1 else unit[1]}".strip()


def _types_in_words(types: str | list[str]) -> str:
    return " or ".join(TYPES[name].words for name in ([types] if isinstance(types, str) else types))


def _choices_in_words(choices: list[Any]) -> str:
    return ", ".join(map(str, choices))


def _excluded_in_words(excluded: dict[str, Any]) -> str:
    return f"one of: {_choices_in_words(excluded['enum'])}" if "enum" in excluded else "what the input_schema excludes"


def _number_limit(phrase: str, attribute: str, fit: Callable[[Any, Any], Any], upper: str = "") -> Keyword:
    attributes = {"number": attribute} if attribute else {}
    return Keyword(f"Must be {phrase}.", phrase, upper=upper, attributes=attributes, limits=(int, float), fit=fit)


def _count_limit(phrase: str, unit: tuple[str, str], upper: str = "", **rest: Any) -> Keyword:
    return Keyword(f"Must have {phrase}.", phrase, unit, upper, **rest)


_CHARACTERS, _ENTRIES, _MEMBERS = ("character", "characters"), ("entry", "entries"), ("member", "members")
_FILES = ("file", "files")  # the entries of a list of files
_MIN_LENGTH = {"text": "minlength", "multiline": "minlength"}
_MAX_LENGTH = {"text": "maxlength", "multiline": "maxlength"}
KEYWORDS = {
    "type": Keyword("Must be {}.", words=_types_in_words),
    "enum": Keyword("Must be one of: {}.", words=_choices_in_words),
    "const": Keyword("Must be {}."),
    "format": Keyword("Must be {}.", words=format_in_words),
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
    "maxDigits": _count_limit("at most {}", ("digit", "digits")),
    "wholeDigits": _count_limit("at most {} before the decimal point", ("digit", "digits")),
    "decimalPlaces": _count_limit("at most {}", ("decimal place", "decimal places")),
    "uniqueItems": Keyword("Each entry may be there only once."),
    "minProperties": _count_limit("at least {}", _MEMBERS, "maxProperties"),
    "maxProperties": _count_limit("at most {}", _MEMBERS),
    "not": Keyword("This can't be {}.", words=_excluded_in_words),
    "pattern": Keyword("Must match the pattern {}.", "pattern `{}`", attributes={"text": "pattern"}),
    "oneOf": Keyword("Must fit exactly one of the types that the task's input_schema allows."),
}
_UPPER_LIMITS = {row.upper for row in KEYWORDS.values()}
_HINTED = [name for name, row in KEYWORDS.items() if row.hint and name not in _UPPER_LIMITS]
# Keywords that describe a value and limit nothing.
ANNOTATIONS = {
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "extensions",
    "contentEncoding", "contentMediaType", "contentSchema", COLUMN_OF,
}  # fmt: skip


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter without "or null"; of several types, the first."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return {**schema, **plain_schema(choices[0])} if choices else schema


def is_file(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == FILE_FORMAT


def is_file_list(schema: Mapping[str, Any]) -> bool:
    """Return True for a list of any number of files. A set of files, or a tuple with a place for each, is none."""
    return (
        schema.get("type") == "array"
        and is_file(schema.get("items") or {})
        and not ("prefixItems" in schema or schema.get("uniqueItems"))
    )


def file_of(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the file that a type takes, or of each of several; None if it takes none."""
    if is_file_list(schema):
        return dict(schema["items"])
    return schema if is_file(schema) else None


def has_format(schema: Any, name: str) -> bool:
    """Return True if the format stands anywhere in the schema."""
    if isinstance(schema, dict):
        return schema.get("format") == name or any(has_format(part, name) for part in schema.values())
    return isinstance(schema, list) and any(has_format(part, name) for part in schema)


def takes_path(schema: dict[str, Any]) -> bool:
    """Return True if the function gets the path of this file, False if it gets its bytes."""
    return "extensions" in schema


def sentence(keyword: str, limit: Any, schema: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return the error for a value that breaks this rule of its schema."""
    row = KEYWORDS.get(keyword)
    if not row:
        return f"This breaks the rule {keyword} of the task's input_schema."
    return row.sentence.format(row.amount(limit, schema))


def limits_in_words(schema: dict[str, Any]) -> str:
    """Return all limits of a plain schema, an empty text if there are none: '1 to 2000, a multiple of 5'."""
    return ", ".join(filter(None, (_limit_in_words(name, schema) for name in _HINTED)))


def _limit_in_words(name: str, schema: dict[str, Any]) -> str:
    row = KEYWORDS[name]
    low, high = schema.get(name), schema.get(row.upper)
    if low is not None and row.upper and low <= row.trivial:
        low = None
    if high is None:
        return row.hint.format(row.amount(low, schema)) if low is not None else ""
    most = row.amount(high, schema)
    if low is None:
        return KEYWORDS[row.upper].hint.format(most)
    return f"{low} to {most}" if low != high else f"exactly {most}"


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
    if schema.get("type") == "object" and "properties" in schema:
        return {name: example_value(schema["properties"][name]) for name in schema.get("required", ())}
    value = value_type(schema).example
    for name, row in KEYWORDS.items():
        if name in schema and isinstance(value, row.limits):
            value = row.fit(value, schema[name])
    return value
