"""Values of parameters as texts and back: one rule for multipart, the command line, links and (form_texts.py) forms.

A text is read as the first type of its parameter that it fits; a type that every text fits comes last. What no text can
say (null, an empty list, the text "5" where a number is possible) is said in JSON under the name with a colon:
`name:=null`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from taskdesk.jobs.arguments import given_twice
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments, NotJson
from taskdesk.jobs.exact_numbers import exact_json
from taskdesk.jobs.parameter import NOT_GIVEN, Parameter, key_of
from taskdesk.jobs.value_types import value_type
from taskdesk.jobs.variants import is_null, is_of_variant, members_of, variants_of

IN_JSON = ":"  # after the name of a parameter, which has no colon
_LAST = ["integer", "number", "boolean", "array", "object"]  # then texts with a format, texts, and null

Texts = Mapping[str, Sequence[str]]


def read_texts(spec: TaskSpec, texts: Texts) -> dict[str, Any]:
    """Return the JSON values of texts, of which a list has one for each entry. Raises InvalidArguments.

    A text that does not fit stays text, for `check` to name it.
    """

    def read(name: str) -> Any:
        plain, in_json = texts.get(name, ()), texts.get(f"{name}{IN_JSON}", ())
        parameter = Parameter(name, spec.parameters.get(name, {}))
        if in_json:
            return read_json(parameter, only_one(name, [*in_json, *plain]))
        return _read_given(parameter, plain) if name in spec.parameters else plain[-1]

    return read_each((name.removesuffix(IN_JSON) for name in texts), read)


def write_texts(spec: TaskSpec, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the texts that `read_texts` reads the very same values from."""
    texts: dict[str, list[str]] = {}
    for name, value in values.items():
        plain = {name: [text_of(one) for one in value] if isinstance(value, list) else [text_of(value)]}
        texts |= plain if plain[name] and _are_read(spec, plain, value) else {f"{name}{IN_JSON}": [json_of(value)]}
    return texts


def _are_read(spec: TaskSpec, plain: Texts, value: Any) -> bool:
    try:
        [read] = read_texts(spec, plain).values()
        return is_same(read, value)
    except InvalidArguments:
        return False


def read_each(names: Iterable[str], read: Callable[[str], Any]) -> dict[str, Any]:
    values, errors = {}, []
    for name in dict.fromkeys(names):
        try:
            values[name] = read(name)
        except InvalidArguments as error:
            errors += error.errors
    if errors:
        raise InvalidArguments(errors)
    return {name: value for name, value in values.items() if value is not NOT_GIVEN}


def only_one(name: str, texts: Sequence[str]) -> str:
    if len(texts) > 1:
        raise InvalidArguments([given_twice(name, len(texts))])
    return texts[0]


def read_json(parameter: Parameter, text: str) -> Any:
    try:
        return exact_json(parameter.schema, text)
    except NotJson as error:
        raise InvalidArguments([FieldError(f"/{parameter.name}", str(error))]) from None


def _json_or_text(variant: dict[str, Any], text: str) -> Any:
    try:
        return exact_json(variant, text)
    except NotJson:
        return text.replace("\r\n", "\n")


def _read_given(parameter: Parameter, texts: Sequence[str]) -> Any:
    lists = [variant for variant in parameter.variants if variant.get("type") == "array"]
    if lists and (len(texts) > 1 or len(lists) == len(parameter.variants)):
        entries = [read_entries(variant, texts) for variant in lists]
        return _first_that_fits(lists, entries, entries[0])
    return read_one(parameter.schema, only_one(parameter.name, texts))


def read_entries(variant: dict[str, Any], texts: Sequence[str]) -> list[Any]:
    first, others = variant.get("prefixItems", []), variant.get("items", {})
    schemas = [*first[: len(texts)], *[others] * (len(texts) - len(first))]
    return [
        read_one(schema if isinstance(schema, dict) else {}, text) for schema, text in zip(schemas, texts, strict=True)
    ]


def read_one(schema: dict[str, Any], text: str) -> Any:
    variants = sorted(variants_of(schema), key=_rank)
    is_union = sum(not is_null(variant) for variant in variants) > 1
    values = [_read_variant(variant, text, is_union) for variant in variants]
    otherwise = next((value for value in values if value is not None and not isinstance(value, str)), text)
    return values[0] if len(values) == 1 else _first_that_fits(variants, values, otherwise)


def _first_that_fits(variants: Sequence[dict[str, Any]], values: Sequence[Any], otherwise: Any) -> Any:
    fitting = (value for variant, value in zip(variants, values, strict=True) if is_of_variant(variant, value))
    return next(fitting, otherwise)


def _rank(variant: dict[str, Any]) -> int:
    """Return the place of a type in the order in which a text is read: what fits everything comes last."""
    if members_of(variant):
        return -1
    if is_null(variant):
        return len(_LAST) + 3
    if variant.get("type") in _LAST:
        return _LAST.index(variant["type"])
    return len(_LAST) + (variant.get("type") == "string") + ("format" not in variant)


def _read_variant(variant: dict[str, Any], text: str, is_union: bool) -> Any:
    if is_null(variant):
        return None if text == "" else text
    if members := members_of(variant):
        found = [one for one in members if text == key_of(one, members)] or [one for one in members if text == str(one)]
        return found[0] if found else text
    if is_union and variant.get("type") == "boolean":  # "yes" may be a text, and 1 a number
        return {"true": True, "false": False}.get(text, text)
    row = value_type(variant)
    return _json_or_text(variant, text) if row.control in ("json", "list") else row.parse(text)


def text_of(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json_of(value)


def json_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def is_same(one: Any, other: Any) -> bool:
    """Return True if the values are equal, and of the same types."""
    return one is not NOT_GIVEN and other is not NOT_GIVEN and json.dumps(one) == json.dumps(other)
