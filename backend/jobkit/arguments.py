"""The arguments of a job to be, checked by its task's JSON Schema: each wrong field is named, with what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from jobkit.artifacts import UploadedFile
from jobkit.catalog import TaskSpec
from jobkit.errors import FieldError, InvalidArguments

MAX_TAGS = 10
MOST_ERRORS = 50  # that are named at once
_ONE = re.compile(r" 1 (character|member)s\.")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?")
# What the validator knows stricter than the worker, which has the last word: a time needs no zone.
_FORMATS = {
    "time": lambda text: _TIME.fullmatch(text) is not None,
    "uri": lambda text: True,
    "duration": lambda text: True,
}


@dataclass
class Arguments:
    """JSON values, and the files by parameter."""

    values: dict[str, Any]
    uploads: dict[str, UploadedFile] = field(default_factory=dict)


def check(spec: TaskSpec, values: dict[str, Any], uploads: Mapping[str, UploadedFile] | None = None) -> None:
    """Raises InvalidArguments, which names every wrong field."""
    errors = _errors(spec, values, uploads or {})
    if errors:
        raise InvalidArguments(errors)


def check_many(spec: TaskSpec, inputs: Sequence[Any], at: str = "") -> None:
    """As `check`, for the arguments of many jobs, which stand at the pointer `at`: `/inputs/3/text`, say.

    It names MOST_ERRORS wrong fields at most.
    """
    every = (
        FieldError(f"{at}/{index}{error.pointer}", error.detail)
        for index, values in enumerate(inputs)
        for error in _errors(spec, values, {})
    )
    errors = list(islice(every, MOST_ERRORS))
    if errors:
        raise InvalidArguments(errors)


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags of a job to be, each once. Raises InvalidArguments."""
    wrong = [tag for tag in tags if not (1 <= len(tag) <= 64 and tag.isprintable() and " " not in tag)]
    if wrong or len(tags) > MAX_TAGS:
        detail = f"A job may have {MAX_TAGS} tags, each a word of up to 64 characters."
        raise InvalidArguments([FieldError("/tag", detail)])
    return tuple(dict.fromkeys(tags))


def _errors(spec: TaskSpec, values: Any, uploads: Mapping[str, UploadedFile]) -> list[FieldError]:
    if not isinstance(values, dict):
        return [FieldError("", _sentence("type", ["object"]))]
    errors = list(_file_errors(spec.file_parameters, values, uploads))
    instance = values | {name: "file" for name in uploads if name in spec.file_parameters} if uploads else values
    validator = _validator(spec.input_schema_json)
    if not validator.is_valid(instance):
        reported = {error.pointer for error in errors}
        found = (error for problem in validator.iter_errors(instance) for error in _in_words(problem))
        errors += islice((error for error in found if error.pointer not in reported), MOST_ERRORS)
    return errors


@lru_cache(maxsize=512)
def _validator(schema: str) -> Draft202012Validator:
    try:
        return Draft202012Validator(schema, validate_formats=True, formats=_FORMATS)
    except ValidationError:  # a pattern that only Python can read: the worker checks it
        return Draft202012Validator(_without_patterns(json.loads(schema)), validate_formats=True, formats=_FORMATS)


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not (key == "pattern" and isinstance(value, str))}
    return {key: _without_patterns(value) for key, value in kept.items()}


def _file_errors(
    files: Mapping[str, Any], values: dict[str, Any], uploads: Mapping[str, UploadedFile]
) -> Iterator[FieldError]:
    for name, upload in uploads.items():
        if name not in files:
            yield FieldError(f"/{name}", "is no file parameter of this task.")
        elif upload.is_empty():
            yield FieldError(f"/{name}", "The file is empty: choose one that has content.")
    for name in files:
        if values.get(name) is not None:
            yield FieldError(f"/{name}", "This has to be a file: choose one.")


def _in_words(error: ValidationError) -> Iterator[FieldError]:
    kind: Any = error.kind
    rule, limit = kind.name, kind.value
    at = "".join(f"/{_escaped(str(part))}" for part in error.instance_path)
    if rule == "required":
        yield FieldError(f"{at}/{_escaped(limit)}", "This is required.")
    elif rule == "additionalProperties":
        yield from (FieldError(f"{at}/{_escaped(name)}", "The task has no such parameter.") for name in sorted(limit))
    elif rule == "anyOf":
        yield from _closest(kind.context)
    else:
        yield FieldError(at, _sentence(rule, limit))


def _closest(choices: Sequence[Sequence[ValidationError]]) -> Iterator[FieldError]:
    """Of several types the first counts, as on the form; null is no help to anybody."""
    for errors in choices:
        if [error.kind.value for error in errors if error.kind.name == "type"] != [["null"]]:
            return (found for error in errors for found in _in_words(error))
    return iter(())


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


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


def _sentence(rule: str, limit: Any) -> str:
    if rule == "type":
        return f"This has to be {' or '.join(_TYPES[kind] for kind in limit)}."
    if rule == "enum":
        return f"This has to be one of: {', '.join(map(str, limit))}."
    if rule == "format":
        return f"This has to be {_HINTS.get(limit, f'a valid {limit}')}."
    sentence = _SENTENCES.get(rule, f"This breaks the rule {rule} of the task's input_schema.").format(limit)
    return _ONE.sub(r" 1 \1.", sentence).replace(" 1 entries.", " 1 entry.")
