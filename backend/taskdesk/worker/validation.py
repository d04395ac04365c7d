"""The worker's own check of arguments: plain RQ programs submit jobs without any.

pydantic reports every wrong entry: 1 MB of them took 200 to 700 MB. Here it stops at the first wrong entry of a list or
an object, so the cost of an error depends on the task's signature alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator

from taskdesk.jobs.errors import FieldError, InvalidArguments

_CONTAINERS = {"list", "tuple", "set", "frozenset", "deque", "dict", "frozendict", "ordered-dict", "counter"}
_NO_SCHEMAS = {"config", "default", "expected", "metadata"}  # their values may look like schemas and are none


def validator_of(model: type[BaseModel]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that turns JSON values into the arguments of a task. It raises InvalidArguments."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    # With prebuilt validators, a class that has its own would be validated by that one, which reports all.
    validator = SchemaValidator(_stopping_early(model.__pydantic_core_schema__), _use_prebuilt=False)

    def validate(values: dict[str, Any]) -> dict[str, Any]:
        if len(values) > len(names):
            raise InvalidArguments(_unknown(name) for name in values if name not in names)
        try:
            return dict(zip(names, vars(validator.validate_python(values)).values(), strict=True))
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            raise InvalidArguments(
                _unknown(str(detail["loc"][0]))
                if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1
                else FieldError("/" + "/".join(map(str, detail["loc"])), detail["msg"])
                for detail in details
            ) from None

    return validate


def _unknown(name: str) -> FieldError:
    return FieldError(f"/{name}", "The task has no such parameter.")


def _stopping_early(schema: Any) -> Any:
    """Return a copy of this core schema in which each container fails at its first wrong entry."""
    if isinstance(schema, (list, tuple)):
        return type(schema)(map(_stopping_early, schema))
    if not isinstance(schema, dict):
        return schema
    copy = {key: value if key in _NO_SCHEMAS else _stopping_early(value) for key, value in schema.items()}
    return {**copy, "fail_fast": True} if schema.get("type") in _CONTAINERS else copy
