"""Check a value against a JSON Schema, and find its errors one by one.

jsonschema-rs takes a few nanoseconds per value to tell whether a value is valid. But it lists errors only all at once,
each with copies of the value: 1 MB of wrong entries took 13 s and 2 GB. So it only answers yes or no here, on the way
down to each error, and fifty errors cost no more than fifty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from taskdesk.jobs.errors import FieldError
from taskdesk.jobs.schema_rules import ANNOTATIONS, sentence
from taskdesk.jobs.value_types import FORMATS, value_type

_MAX_NAME_CHARACTERS = 100  # of a client's name in a pointer
_CHUNK_SIZE = 1000  # members or entries that are checked at once
_BY_MEMBER = ("properties", "patternProperties", "additionalProperties")
STRUCTURE = {
    *_BY_MEMBER,
    "propertyNames",
    "required",
    "allOf",
    "anyOf",
    "prefixItems",
    "items",
}  # keywords that lead to the parts
_NOT_ALONE = {"contains", "if", "unevaluatedItems", "unevaluatedProperties"}  # their meaning depends on other keywords
_OF_TYPE = ("type", "format", "enum", "const")
_LINEAR = RegexOptions()  # its time grows with the text only, whatever the pattern


class Schema:
    """A JSON Schema (2020-12) without `$ref`s. Its parts are compiled only to find an error in them."""

    def __init__(self, document: Any):
        self._document: dict[str, Any] = document if isinstance(document, dict) else {} if document else {"not": {}}

    @cached_property
    def is_valid(self) -> Callable[[Any], bool]:
        try:
            return _compiled(self._document).is_valid
        except ValidationError:  # a pattern that only Python can read; the worker checks it
            return _compiled(_without_python_patterns(self._document)).is_valid

    def errors(self, value: Any, at: str = "") -> Iterator[FieldError]:
        """Yield the errors of the value at the pointer `at`. Each is searched for only when it is asked for."""
        if self.is_valid(value):
            return
        found = chain(self._own(value, at), self._of_choices(value, at), self._inner(value, at))
        yield next(found, FieldError(at, "This breaks the rules of the task's input_schema."))
        yield from found

    def _own(self, value: Any, at: str) -> Iterator[FieldError]:
        for name in self._document.get("required", ()):
            if isinstance(value, dict) and name not in value:
                yield FieldError(f"{at}/{_escaped(name)}", "Required.")
        for rule, limit, is_kept in self._own_rules:
            if not is_kept(value):
                yield FieldError(at, sentence(rule, limit, self._document))

    def _of_choices(self, value: Any, at: str) -> Iterator[FieldError]:
        for part in self._every:
            yield from part.errors(value, at)
        if not any(choice.is_valid(value) for choice in self._choices):
            # An error about null helps nobody.
            choices = [one for one in self._choices if one._document.get("type") != "null"]
            of_type = [one for one in choices if one._type.is_valid(value)]
            if len(choices) > 1 and not of_type:
                yield FieldError(at, f"Must be {_in_words(self._document, [one._document for one in choices])}.")
            else:
                for choice in (of_type or choices)[:1]:
                    yield from choice.errors(value, at)

    def _inner(self, value: Any, at: str) -> Iterator[FieldError]:
        if isinstance(value, dict):
            yield from self._of_names(value, at)
            for name, member in self._wrong_members(value):
                yield from self._of_member(name, member, f"{at}/{_escaped(name)}")
        elif isinstance(value, list):
            for place, schema in enumerate(self._first[: len(value)]):
                yield from schema.errors(value[place], f"{at}/{place}")
            for place in self._wrong_entries(value):
                yield from self._entry.errors(value[place], f"{at}/{place}")

    def _of_names(self, value: dict[str, Any], at: str) -> Iterator[FieldError]:
        if "propertyNames" in self._document:
            names = Schema(self._document["propertyNames"])
            for name in value:
                for error in names.errors(name, f"{at}/{_escaped(name)}"):
                    yield FieldError(error.pointer, _of_name(error.detail))

    def _wrong_members(self, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        members = iter(value.items())
        while some := dict(islice(members, _CHUNK_SIZE)):
            if not self._members.is_valid(some):
                yield from (one for one in some.items() if not self._members.is_valid(dict([one])))

    def _of_member(self, name: str, value: Any, at: str) -> Iterator[FieldError]:
        known = [self._properties[name]] if name in self._properties else []
        known += [schema for matches, schema in self._patterns if matches(name)]
        if known or self._document["additionalProperties"]:
            for schema in known or [Schema(self._document["additionalProperties"])]:
                yield from schema.errors(value, at)
        else:
            yield FieldError(at, "The task has no such parameter.")

    def _wrong_entries(self, value: list[Any]) -> Iterator[int]:
        for start in range(len(self._first), len(value), _CHUNK_SIZE):
            some = value[start : start + _CHUNK_SIZE]
            if not self._entries.is_valid(some):
                yield from (place for place, entry in enumerate(some, start) if not self._entry.is_valid(entry))

    # Its parts

    @cached_property
    def _type(self) -> Schema:
        """The part of the schema that makes a value one of this type, without the limits of the type."""
        return Schema({rule: self._document[rule] for rule in _OF_TYPE if rule in self._document})

    @cached_property
    def _own_rules(self) -> list[tuple[str, Any, Callable[[Any], bool]]]:
        rules = self._document.keys() - STRUCTURE - _NOT_ALONE - ANNOTATIONS
        return [(rule, self._document[rule], Schema({rule: self._document[rule]}).is_valid) for rule in sorted(rules)]

    @cached_property
    def _every(self) -> list[Schema]:
        return [Schema(document) for document in self._document.get("allOf", ())]

    @cached_property
    def _choices(self) -> list[Schema]:
        return [Schema(document) for document in self._document.get("anyOf", ())]

    @cached_property
    def _first(self) -> list[Schema]:
        return [Schema(document) for document in self._document.get("prefixItems", ())]

    @cached_property
    def _members(self) -> Schema:
        return Schema({rule: self._document[rule] for rule in _BY_MEMBER if rule in self._document})

    @cached_property
    def _properties(self) -> dict[str, Schema]:
        return {name: Schema(document) for name, document in self._document.get("properties", {}).items()}

    @cached_property
    def _patterns(self) -> list[tuple[Callable[[str], bool], Schema]]:
        by_pattern = self._document.get("patternProperties", {})
        return [(_matcher(pattern), Schema(document)) for pattern, document in by_pattern.items()]

    @cached_property
    def _entry(self) -> Schema:
        return Schema(self._document.get("items", True))

    @cached_property
    def _entries(self) -> Schema:
        return Schema({"items": self._entry._document})


def _in_words(union: dict[str, Any], choices: Sequence[dict[str, Any]]) -> str:
    """Return the types of a union: "sqrt or log2 or a number"."""
    if "format" in union:  # one type, in whatever types of JSON
        return value_type(union).words
    return " or ".join(dict.fromkeys(words for choice in choices for words in _named(choice)))


def _named(variant: dict[str, Any]) -> list[str]:
    members = variant.get("enum", [variant["const"]] if "const" in variant else [])
    return [str(one) for one in members] or [value_type(variant).words.rstrip(",")]


def _matcher(pattern: str) -> Callable[[str], bool]:
    return Schema({"pattern": pattern}).is_valid


def _compiled(document: dict[str, Any]) -> Draft202012Validator:
    accepts = {name: row.accepts for name, row in FORMATS.items() if row.accepts}
    return Draft202012Validator(document, validate_formats=True, formats=accepts, pattern_options=_LINEAR)


def _without_python_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_python_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "pattern" or _is_readable(value)}
    if isinstance(by_pattern := kept.get("patternProperties"), dict):
        kept["patternProperties"] = {key: value for key, value in by_pattern.items() if _is_readable(key)}
    return {key: _without_python_patterns(value) for key, value in kept.items()}


def _is_readable(pattern: Any) -> bool:
    """Return True if the validator can read the pattern. A value that is no text is a parameter of that name."""
    try:
        return not isinstance(pattern, str) or bool(_compiled({"pattern": pattern}))
    except ValidationError:
        return False


def _escaped(name: str) -> str:
    """Return the name as a part of a pointer, cut if it is long."""
    short = name if len(name) <= _MAX_NAME_CHARACTERS else f"{name[:_MAX_NAME_CHARACTERS]}…"
    return short.replace("~", "~0").replace("/", "~1")


def _of_name(sentence: str) -> str:
    """Return a sentence about a value as one about the name of a member."""
    words = sentence.removeprefix("This ")
    return f"This name {words[0].lower()}{words[1:]}"
