"""JSON Schema of parameters, as pydantic makes it, with the formats that pydantic leaves out."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from taskdesk.jobs.task import DECIMAL_FORMAT


class ParameterSchema(GenerateJsonSchema):
    """Names the types that look like any number or text, so that a form, a client and the web's check know them."""

    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        digits = {ours: schema[name] for name, ours in _DIGITS.items() if schema.get(name) is not None}
        if len(digits) == 2:
            digits["wholeDigits"] = max(digits["maxDigits"] - digits["decimalPlaces"], 0)
        return {**super().decimal_schema(schema), "format": DECIMAL_FORMAT, **digits}

    def complex_schema(self, schema: Any) -> dict[str, Any]:
        return {**super().complex_schema(schema), "format": "complex"}


_DIGITS = {"max_digits": "maxDigits", "decimal_places": "decimalPlaces"}
