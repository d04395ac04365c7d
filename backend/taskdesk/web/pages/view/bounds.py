"""The limits of a parameter, in words: "1 to 2000", "at most 5 characters", "more than 0"."""

from __future__ import annotations

from typing import Any


def in_words(schema: dict[str, Any]) -> str:
    """All limits that this schema sets, empty if there are none. A pattern stands in backticks."""
    shortest = schema.get("minLength", 0)
    parts = [
        _range(schema.get("minimum"), schema.get("maximum")),
        f"more than {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else "",
        f"less than {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else "",
        f"a multiple of {schema['multipleOf']}" if "multipleOf" in schema else "",
        _range(shortest if shortest > 1 else None, schema.get("maxLength"), "character", "characters"),
        _range(schema.get("minItems"), schema.get("maxItems"), "entry", "entries"),
        f"pattern `{schema['pattern']}`" if "pattern" in schema else "",
    ]
    text = ", ".join(filter(None, parts))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _range(low: float | None, high: float | None, one: str = "", more: str = "") -> str:
    if low is None and high is None:
        return ""
    if high is None:
        text = f"at least {low}"
    elif low is None:
        text = f"at most {high}"
    else:
        text = f"{low} to {high}" if low != high else f"exactly {low}"
    return f"{text} {one if (low if high is None else high) == 1 else more}".strip()
