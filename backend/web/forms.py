"""From a request to the arguments of a task, by the task's JSON Schema: the same rules for pages, multipart and JSON.

Pages and multipart send text, which is read as what the schema asks for; then everything is checked in one place,
and each wrong field is named with what to do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Request
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from werkzeug.datastructures import FileStorage, MultiDict

from jobkit.catalog import TaskSpec
from jobkit.errors import AppError, FieldError, InvalidArguments
from jobkit.jobs import BATCH

MAX_DEPTH = 20
MOST_ERRORS = 50  # of a batch
_FORMATS = FormatChecker(["date", "date-time", "time", "email", "uuid"])
_NOTHING = object()


class NotJson(AppError):
    """Not JSON: the body of the request can't be read."""

    status = 400


class UnsupportedMediaType(AppError):
    """Unsupported media type: arguments come as JSON or as multipart/form-data."""

    status = 415


@dataclass
class Arguments:
    """The arguments of a job to be: JSON values, and the uploaded files by parameter."""

    values: dict[str, Any]
    uploads: dict[str, FileStorage] = field(default_factory=dict)


def arguments_from_request(spec: TaskSpec, request: Request) -> Arguments:
    """The checked arguments that an API request brings. Raises NotJson, UnsupportedMediaType, InvalidArguments."""
    if request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return arguments_from_form(spec, request.form, request.files, is_page=False)
    if request.mimetype != "application/json" and request.get_data(cache=True):
        raise UnsupportedMediaType(f"The body is {request.mimetype or 'of no type'}: send JSON or multipart/form-data.")
    arguments = Arguments(_json_object(request.get_data(cache=True)))
    files = [name for name in spec.file_parameters if arguments.values.get(name) is not None]
    if files:
        raise InvalidArguments(
            [FieldError(f"/{name}", "is a file: send the request as multipart/form-data.") for name in files]
        )
    check(spec, arguments)
    return arguments


def inputs_from_request(spec: TaskSpec, request: Request) -> list[dict[str, Any]]:
    """The checked inputs of a batch, `{"inputs": [{…}, …]}`. Raises NotJson, UnsupportedMediaType, InvalidArguments."""
    inputs = json_object(request).get("inputs")
    if (
        not isinstance(inputs, list)
        or not 1 <= len(inputs) <= BATCH
        or not all(isinstance(one, dict) for one in inputs)
    ):
        raise InvalidArguments(
            [FieldError("/inputs", f"This has to be a list of 1 to {BATCH:,} objects of arguments.")]
        )
    if spec.file_parameters:
        raise InvalidArguments([FieldError("/inputs", "A task that takes a file takes one job at a time.")])
    errors: list[FieldError] = []
    for number, values in enumerate(inputs):
        try:
            check(spec, Arguments(values))
        except InvalidArguments as error:
            errors += [FieldError(f"/inputs/{number}{one.pointer}", one.detail) for one in error.errors]
        if len(errors) > MOST_ERRORS:
            break
    if errors:
        raise InvalidArguments(errors[:MOST_ERRORS])
    return inputs


def json_object(request: Request) -> dict[str, Any]:
    """The object that is the body of a request. Raises NotJson, UnsupportedMediaType."""
    body = request.get_data(cache=True)
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(f"The body is {request.mimetype or 'of no type'}: send JSON.")
    return _json_object(body)


def arguments_from_form(
    spec: TaskSpec, form: MultiDict[str, str], files: MultiDict[str, FileStorage], *, is_page: bool
) -> Arguments:
    """The checked arguments of a form. On a page an empty field means "not given", and an unticked box means no."""
    known = spec.parameters
    values: dict[str, Any] = {}
    for name in form:
        if not (is_page and name in spec.file_parameters):  # without JavaScript an empty file input may come as text
            values[name] = _read(known.get(name, {}), form.getlist(name), is_page)
    if is_page:
        values |= {
            name: False
            for name, schema in known.items()
            if _plain(schema).get("type") == "boolean" and name not in values
        }
    uploads = {name: file for name, file in files.items() if file.filename or file.mimetype != _EMPTY_INPUT}
    arguments = Arguments({name: value for name, value in values.items() if value is not _NOTHING}, uploads)
    check(spec, arguments)
    return arguments


_EMPTY_INPUT = "application/octet-stream"  # what a browser sends for a file input with no file chosen


def check(spec: TaskSpec, arguments: Arguments) -> None:
    """Raises InvalidArguments, which names every wrong field."""
    files = spec.file_parameters
    errors = [
        FieldError(f"/{name}", "is no file parameter of this task.") for name in arguments.uploads if name not in files
    ]
    errors += [
        FieldError(f"/{name}", "The file is empty: choose one that has content.")
        for name, upload in arguments.uploads.items()
        if name in files and _is_empty(upload)
    ]
    errors += [
        FieldError(f"/{name}", "This has to be a file: choose one.")
        for name in files
        if arguments.values.get(name) is not None
    ]
    instance = {**arguments.values, **dict.fromkeys(set(arguments.uploads).intersection(files), "file")}
    validator = Draft202012Validator(spec.input_schema, format_checker=_FORMATS)
    reported = {error.pointer for error in errors}
    for problem in validator.iter_errors(instance):
        errors += [error for error in _in_words(problem) if error.pointer not in reported]
    if errors:
        raise InvalidArguments(errors)


def _json_object(body: bytes) -> dict[str, Any]:
    value = _parse_json(body or b"{}")
    if not isinstance(value, dict):
        raise NotJson('The body has to be a JSON object of arguments, such as {"task_arg": "a"}.')
    return value


def _parse_json(text: str | bytes) -> Any:
    """JSON, and nothing that Python's parser takes besides. Raises NotJson."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"This is no JSON: {error}.") from None
    if _depth(value) > MAX_DEPTH:
        raise NotJson(f"This is nested deeper than {MAX_DEPTH} levels.")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise NotJson("This holds a number that is too large, or half of a surrogate pair, which is no text.") from None
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth(value: Any) -> int:
    """How deep lists and objects are nested; it stops counting just over the limit."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        inner: list[Any] = []
        for node in level:
            if isinstance(node, Mapping):
                inner += node.values()
            elif isinstance(node, list):
                inner += node
        level, depth = inner, depth + 1
    return depth


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without "or null"."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return {**schema, **choices[0]} if choices else schema


def _read(schema: dict[str, Any], texts: list[str], is_page: bool) -> Any:
    """The JSON value that the texts of one field stand for. Text that does not fit stays text: the check names it."""
    plain = _plain(schema)
    if plain.get("type") == "array":
        lines = texts if len(texts) > 1 else texts[0].splitlines()
        return [_read_one(plain.get("items", {}), line.strip()) for line in lines if line.strip()]
    text = texts[-1]
    if text == "" and is_page:
        if plain is not schema:
            return None  # the parameter may be null
        is_text = plain.get("type") == "string" and "enum" not in plain and plain.get("format") in (None, "multiline")
        if not (is_text and "default" in schema):  # a text that has a default may be emptied
            return _NOTHING
    return _read_one(plain, text)


def _read_one(schema: dict[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return next((value for value in allowed if str(value) == text), text)
    if kind == "boolean":
        return {
            "true": True,
            "on": True,
            "1": True,
            "yes": True,
            "false": False,
            "off": False,
            "0": False,
            "no": False,
        }.get(text.lower(), text)
    if kind == "string" and schema.get("format") == "date-time" and len(text) == 16:
        return f"{text}:00Z"  # a browser's datetime-local has no zone: it is shown and read as UTC
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            number = float(text)
            return number if math.isfinite(number) else text
    except ValueError:
        pass
    if kind == "object":
        try:
            return _parse_json(text)
        except NotJson:
            return text
    return text.replace("\r\n", "\n")


def _is_empty(upload: FileStorage) -> bool:
    first = upload.stream.read(1)
    upload.stream.seek(0)
    return not first


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "empty",
}
_FORMAT_HINTS = {"date": "a date such as 2026-03-31", "date-time": "a date and time such as 2026-03-31T12:00:00Z"}


def _in_words(error: ValidationError) -> Iterable[FieldError]:
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
    rule: Any = error.validator
    limit: Any = error.validator_value
    if rule == "required":
        # one error comes per missing name, and only its message says which
        missing = [name for name in limit if error.message.startswith(repr(name))]
        return [FieldError(f"{pointer}/{name}", "This is required.") for name in missing]
    if rule == "additionalProperties":
        schema: Any = error.schema
        given: Any = error.instance
        extra = sorted(set(given) - set(schema.get("properties", {})))
        return [FieldError(f"{pointer}/{name}", "The task has no such parameter.") for name in extra]
    if rule == "anyOf":
        inner = [sub for sub in error.context or () if sub.validator != "type" or sub.validator_value != "null"]
        return [found for sub in inner[:1] for found in _in_words(sub)]
    return [FieldError(pointer, _sentence(rule, limit, error))]


def _sentence(rule: Any, limit: Any, error: ValidationError) -> str:
    if rule == "type":
        return f"This has to be {' or '.join(_TYPES[kind] for kind in ([limit] if isinstance(limit, str) else limit))}."
    if rule == "enum":
        return f"This has to be one of: {', '.join(map(str, limit))}."
    sentences = {
        "minimum": "This has to be at least {}.",
        "maximum": "This has to be at most {}.",
        "exclusiveMinimum": "This has to be greater than {}.",
        "exclusiveMaximum": "This has to be less than {}.",
        "multipleOf": "This has to be a multiple of {}.",
        "minLength": "This has to have at least {} characters.",
        "maxLength": "This has to have at most {} characters.",
        "minItems": "This has to have at least {} entries.",
        "maxItems": "This has to have at most {} entries.",
        "pattern": "This has to match the pattern {}.",
        "const": "This has to be {}.",
    }
    if rule in sentences:
        return sentences[rule].format(limit)
    if rule == "format":
        return f"This has to be {_FORMAT_HINTS.get(limit, f'a valid {limit}')}."
    return f"{error.message}."
