"""What a rule of a JSON Schema asks for, as a sentence for people."""

from __future__ import annotations

import re
from typing import Any

_ONE = re.compile(r" 1 (character|member)s\.")
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "empty",
}
_HINTS = {
    "date": "a date such as 2026-03-31",
    "date-time": "a date and time such as 2026-03-31T12:00:00Z",
    "time": "a time such as 12:00:00",
}
_SENTENCES = {
    "minimum": "This has to be at least {}.",
    "maximum": "This has to be at most {}.",
    "exclusiveMinimum": "This has to be greater than {}.",
    "exclusiveMaximum": "This has to be less than {}.",
    "multipleOf": "This has to be a multiple of {}.",
    "minLength": "This has to have at least {} characters.",
    "maxLength": "This has to have at most {} characters.",
    "minItems": "This has to have at least {} entries.",
    "maxItems": "This has to have at most {} entries.",
    "uniqueItems": "Each entry may be there only once.",
    "minProperties": "This has to have at least {} members.",
    "maxProperties": "This has to have at most {} members.",
    "pattern": "This has to match the pattern {}.",
    "const": "This has to be {}.",
}


def sentence(rule: str, limit: Any) -> str:
    if rule == "type":
        return f"This has to be {' or '.join(_TYPES[kind] for kind in ([limit] if isinstance(limit, str) else limit))}."
    if rule == "enum":
        return f"This has to be one of: {', '.join(map(str, limit))}."
    if rule == "format":
        return f"This has to be {_HINTS.get(limit, f'a valid {limit}')}."
    sentence = _SENTENCES.get(rule, f"This breaks the rule {rule} of the task's input_schema.").format(limit)
    return _ONE.sub(r" 1 \1.", sentence).replace(" 1 entries.", " 1 entry.")
