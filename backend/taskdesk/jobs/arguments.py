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
from taskdesk.jobs.csv_header import column_errors
from taskdesk.jobs.errors import MAX_ERRORS, FieldError, InvalidArguments
from taskdesk.jobs.exact_numbers import number_errors
from taskdesk.jobs.schema import Schema
from taskdesk.jobs.schema_rules import sentence
from taskdesk.jobs.strict_json import has_small_numbers

MAX_TAGS, MAX_TAG_CHARACTERS = 10, 64
MAX_FILES = 100  # of a job: each is open while the job is submitted, and stands on its page
Uploads = Mapping[str, Sequence[UploadedFile]]  # by parameter


@dataclass
class Arguments:
    """JSON values, and the uploaded files by parameter. A parameter with an empty list of files has a value."""

    values: dict[str, Any]
    uploads: Uploads = field(default_factory=dict)


def check(spec: TaskSpec, values: dict[str, Any], uploads: Uploads | None = None) -> None:
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


def check_file_count(name: str, number: int) -> None:
    """Raise InvalidArguments for more files of a parameter than a job may have, before they are opened."""
    if number > MAX_FILES:
        raise InvalidArguments([_too_many_files(name, number)])


def _too_many_files(name: str, number: int) -> FieldError:
    detail = f"A job takes {MAX_FILES} files at most, and these are {number:,}. Pack them into one, such as a ZIP file."
    return FieldError(f"/{name}", detail)


def _suits_another(spec: TaskSpec, values: Any) -> bool:
    return any(next(_errors(other, values, {}), None) is None for other in spec.others)


def _errors(spec: TaskSpec, values: Any, uploads: Uploads) -> Iterator[FieldError]:
    if not isinstance(values, dict):
        yield FieldError("", sentence("type", "object"))
        return
    reported = set()
    for error in _file_errors(spec, values, uploads):
        reported.add(error.pointer)
        yield error
    instance = values | _placeholders(spec, uploads) if uploads else values
    schema = _schema(spec.input_schema_json)
    yield from (error for error in schema.errors(instance) if error.pointer not in reported)
    if uploads:
        yield from column_errors(spec, values, uploads)
    if (spec.has_decimals or not has_small_numbers(values)) and schema.is_valid(instance):
        yield from number_errors(spec.input_schema, instance)


@lru_cache(maxsize=512)
def _schema(document: str) -> Schema:
    return Schema(json.loads(document))


def _placeholders(spec: TaskSpec, uploads: Uploads) -> dict[str, Any]:
    """Return what stands for the files where the schema is checked."""
    known = {name: files for name, files in uploads.items() if name in spec.file_parameters}
    return {name: ["file"] * len(files) if name in spec.file_lists else "file" for name, files in known.items()}


def _file_errors(spec: TaskSpec, values: dict[str, Any], uploads: Uploads) -> Iterator[FieldError]:
    number = sum(map(len, uploads.values()))
    for name, files in uploads.items():
        if name not in spec.file_parameters:
            yield FieldError(f"/{name}", "The task has no such file parameter.")
        elif name not in spec.file_lists and len(files) > 1:
            yield given_twice(name, len(files))
        elif number > MAX_FILES:
            yield _too_many_files(name, number)
        elif name in spec.file_lists:
            yield from (
                FieldError(f"/{name}/{place}", f"{file.filename or 'The file'} is empty: choose one that has content.")
                for place, file in enumerate(files)
                if file.is_empty()
            )
        elif files[0].is_empty():
            yield FieldError(f"/{name}", "The file is empty: choose one that has content.")
    for name in spec.file_parameters:
        if not (values.get(name) is None or (values[name] == [] and name in spec.file_lists)):
            yield FieldError(f"/{name}", "Must be a file: choose one.")
