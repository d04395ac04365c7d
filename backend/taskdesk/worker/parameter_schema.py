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

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """Make the names of an object, which are texts in JSON, be of the type of the keys. pydantic lets all pass."""
        document = super().dict_schema(schema)
        keys = schema.get("keys_schema", {}).get("type")
        for pattern, member in document.pop("patternProperties", {}).items():
            document |= {"propertyNames": {"pattern": pattern}, "additionalProperties": member}
        if keys in _NO_KEYS:
            return self.handle_invalid_for_json_schema(schema, "a dict with such keys")
        return {**document, "propertyNames": {"format": _KEY_FORMATS[keys]}} if keys in _KEY_FORMATS else document

    def complex_schema(self, schema: Any) -> dict[str, Any]:
        return {**super().complex_schema(schema), "format": "complex"}


_KEY_FORMATS = {"int": "integer-text", "float": "number-text", "bool": "boolean-text", "decimal": DECIMAL_FORMAT}
_NO_KEYS = {"tuple", "none", "dataclass"}  # no text is one
_DIGITS = {"max_digits": "maxDigits", "decimal_places": "decimalPlaces"}
