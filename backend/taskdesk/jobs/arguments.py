"""Check the arguments of a new job against the JSON Schema of its task. Each wrong field gets a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import MAX_ERRORS, FieldError, InvalidArguments
from taskdesk.jobs.exact_numbers import number_errors
from taskdesk.jobs.schema import Schema
from taskdesk.jobs.schema_rules import sentence
from taskdesk.jobs.strict_json import has_small_numbers

MAX_TAGS, MAX_TAG_CHARACTERS = 10, 64


@dataclass
class Arguments:
    """JSON values, and the uploaded files by parameter."""

    values: dict[str, Any]
    uploads: dict[str, UploadedFile] = field(default_factory=dict)


def check(spec: TaskSpec, values: dict[str, Any], uploads: Mapping[str, UploadedFile] | None = None) -> None:
    """Raise InvalidArguments, with MAX_ERRORS errors at most, if the arguments do not fit.

    Arguments that only an older online version of the task accepts are valid, as its worker runs the job. Files are
    accepted by the newest version only.
    """
    errors = list(islice(_errors(spec, values, uploads or {}), MAX_ERRORS))
    if errors and (uploads or not _suits_another(spec, values)):
        raise InvalidArguments(errors)


def check_many(spec: TaskSpec, inputs: Sequence[Any], at: str = "") -> None:
    """As `check`, for the arguments of many jobs. `at` is the pointer of their list: errors are at `/inputs/3/text`."""
    every = (
        FieldError(f"{at}/{index}{error.pointer}", error.detail)
        for index, values in enumerate(inputs)
        for error in ([] if _suits_another(spec, values) else _errors(spec, values, {}))
    )
    errors = list(islice(every, MAX_ERRORS))
    if errors:
        raise InvalidArguments(errors)


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags without repetitions. Raises InvalidArguments."""
    wrong = [tag for tag in tags if not (1 <= len(tag) <= MAX_TAG_CHARACTERS and tag.isprintable() and " " not in tag)]
    if wrong or len(tags) > MAX_TAGS:
        detail = f"A job may have {MAX_TAGS} tags, each a word of up to {MAX_TAG_CHARACTERS} characters."
        raise InvalidArguments([FieldError("/tag", detail)])
    return tuple(dict.fromkeys(tags))


def given_twice(name: str, times: int) -> FieldError:
    """Return the error for a parameter that takes one value, or one file, and got more."""
    return FieldError(f"/{name}", f"This was given {times:,} times. Give it once.")


def _suits_another(spec: TaskSpec, values: Any) -> bool:
    return any(next(_errors(other, values, {}), None) is None for other in spec.others)


def _errors(spec: TaskSpec, values: Any, uploads: Mapping[str, UploadedFile]) -> Iterator[FieldError]:
    if not isinstance(values, dict):
        yield FieldError("", sentence("type", "object"))
        return
    reported = set()
    for error in _file_errors(spec.file_parameters, values, uploads):
        reported.add(error.pointer)
        yield error
    instance = values | {name: "file" for name in uploads if name in spec.file_parameters} if uploads else values
    schema = _schema(spec.input_schema_json)
    yield from (error for error in schema.errors(instance) if error.pointer not in reported)
    if (spec.has_decimals or not has_small_numbers(values)) and schema.is_valid(instance):
        yield from number_errors(spec.input_schema, instance)


@lru_cache(maxsize=512)
def _schema(document: str) -> Schema:
    return Schema(json.loads(document))


def _file_errors(
    files: Mapping[str, Any], values: dict[str, Any], uploads: Mapping[str, UploadedFile]
) -> Iterator[FieldError]:
    for name, upload in uploads.items():
        if name not in files:
            yield FieldError(f"/{name}", "The task has no such file parameter.")
        elif upload.is_empty():
            yield FieldError(f"/{name}", "The file is empty: choose one that has content.")
    for name in files:
        if values.get(name) is not None:
            yield FieldError(f"/{name}", "This has to be a file: choose one.")
