"""Numbers that fit the JSON Schema of a task and yet no value of Python, and decimals, which JSON Schema can't compare.

JSON has one type of number. 1e20 is a whole number for JSON Schema, but no int for pydantic; a number of 400 digits is
no float. A decimal is text, so that no digit is lost.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from taskdesk.jobs.errors import FieldError
from taskdesk.jobs.schema_rules import has_format, plain_schema, sentence
from taskdesk.jobs.strict_json import parse_json
from taskdesk.jobs.task import DECIMAL_FORMAT
from taskdesk.jobs.variants import is_of_variant, variants_of

LARGEST_WHOLE_FLOAT = 2**63  # pydantic takes no larger float for an int
_COMPARE: dict[str, Callable[[Decimal, Any], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
    "multipleOf": lambda number, step: number % step == 0,
    "maxDigits": lambda number, most: max(_digits(number)) <= most,
    "wholeDigits": lambda number, most: _whole_digits(number) <= most,
    "decimalPlaces": lambda number, most: _digits(number)[1] <= most,
}


def exact_json(schema: dict[str, Any], text: str | bytes) -> Any:
    """Return the value of a JSON text, in which a decimal that no float holds exactly is text. Raises NotJson."""
    value = parse_json(text)
    if not has_format(schema, DECIMAL_FORMAT):
        return value
    readable = text if isinstance(text, str) else str(text, "utf-8-sig")
    return _exact(schema, value, json.loads(readable, parse_float=Decimal))


def _exact(schema: dict[str, Any], value: Any, digits: Any) -> Any:
    if isinstance(digits, Decimal):
        is_decimal = any(variant.get("format") == DECIMAL_FORMAT for variant in variants_of(schema))
        return str(digits) if is_decimal and Decimal(repr(value)) != digits else value
    for variant in variants_of(schema):
        parts = [(part, place) for part, _, place in _parts(variant, value)]
        if parts:
            for part, place in parts:
                value[place] = _exact(part, value[place], digits[place])
            return value
    return value


def number_errors(schema: dict[str, Any], value: Any, at: str = "") -> Iterator[FieldError]:
    """Yield the errors of a value that fits the schema. With several types, the value has to fit one."""
    variants = [variant for variant in variants_of(schema) if is_of_variant(variant, value)]
    found = [[*_own_errors(variant, value, at)] or [*_inner_errors(variant, value, at)] for variant in variants]
    if found and all(found):
        yield from found[0]


def _own_errors(variant: dict[str, Any], value: Any, at: str) -> Iterator[FieldError]:
    plain = plain_schema(variant)
    if variant.get("format") == DECIMAL_FORMAT:
        number = Decimal(str(value))
        broken = (rule for rule in _COMPARE if rule in plain and not _keeps(rule, number, plain[rule]))
        yield from (FieldError(at, sentence(rule, plain[rule])) for rule in broken)
    elif plain.get("type") == "integer" and isinstance(value, float) and abs(value) >= LARGEST_WHOLE_FLOAT:
        yield FieldError(at, sentence("type", "integer"))
    elif plain.get("type") == "number" and not _is_float(value):
        yield FieldError(at, "This is too large for a number.")


def _keeps(rule: str, number: Decimal, limit: Any) -> bool:
    try:
        return _COMPARE[rule](number, Decimal(str(limit)))
    except ArithmeticError:  # 1e999999999 has too many digits to be divided
        return False


def _digits(number: Decimal) -> tuple[int, int]:
    """Return how many digits the number has in all, and after the point."""
    exponent = int(number.normalize().as_tuple().exponent)
    return len(number.normalize().as_tuple().digits) + max(exponent, 0), max(-exponent, 0)


def _whole_digits(number: Decimal) -> int:
    """Return how many digits the number has before the point, as pydantic counts them."""
    most, places = _digits(number)
    return max(most - places, 0)


def _is_float(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _inner_errors(variant: dict[str, Any], value: Any, at: str) -> Iterator[FieldError]:
    for part, inner, place in _parts(variant, value):
        yield from number_errors(part, inner, f"{at}/{place}")


def _parts(variant: dict[str, Any], value: Any) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Yield each part of a list or an object, with its schema and its place."""
    if isinstance(value, dict):
        known, others = variant.get("properties", {}), variant.get("additionalProperties")
        for name, inner in value.items():
            if isinstance(schema := known.get(name, others), dict):
                yield schema, inner, name
    elif isinstance(value, list):
        first, others = variant.get("prefixItems", []), variant.get("items")
        for place, inner in enumerate(value):
            schema = first[place] if place < len(first) else others
            if isinstance(schema, dict):
                yield schema, inner, place
