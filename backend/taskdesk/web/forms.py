"""Read and check the arguments of a task from a request: JSON, multipart, or the form of a page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from taskdesk.jobs.arguments import Arguments, Uploads, check, check_many
from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments, NotJson
from taskdesk.jobs.exact_numbers import exact_json
from taskdesk.jobs.form_texts import read_fields
from taskdesk.jobs.submission import MAX_BATCH
from taskdesk.jobs.texts import read_texts
from taskdesk.service.errors import AppError
from taskdesk.web.body_limits import BATCH_BYTES, FORM_BYTES, JSON_BYTES

_EMPTY_INPUT = "application/octet-stream"  # what a browser sends for a file input without a file


class UnsupportedMediaType(AppError):
    """Unsupported media type: send arguments as JSON or as multipart/form-data."""

    status = 415
    headers: Mapping[str, str] = MappingProxyType({})


def refuse_encoded_body(request: Request) -> None:
    """Raise UnsupportedMediaType, which names the encoding, for a body that is compressed."""
    encoding = request.headers.get("Content-Encoding", "identity").strip()
    if request.content_length and encoding.lower() not in ("", "identity"):
        error = UnsupportedMediaType(f"The body has the Content-Encoding {encoding[:100]}. Send it as it is.")
        error.headers = {"Accept-Encoding": "identity"}
        raise error


def arguments_from_request(spec: TaskSpec, request: Request) -> Arguments:
    """Return the checked arguments of an API request. Raises NotJson, UnsupportedMediaType, InvalidArguments."""
    if request.mimetype != "multipart/form-data":
        request.max_content_length = JSON_BYTES
    elif not spec.file_parameters:
        request.max_content_length = FORM_BYTES
    if request.mimetype == "application/x-www-form-urlencoded" and next(iter(request.form), "").startswith("{"):
        raise UnsupportedMediaType("The body looks like JSON. Add the header Content-Type: application/json.")
    if request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return _checked(spec, read_texts(spec, _texts(request.form)), request.files)
    if request.mimetype != "application/json" and request.get_data(cache=True):
        raise UnsupportedMediaType(
            f"The media type is {request.mimetype or 'missing'}. Send JSON or multipart/form-data."
        )
    return json_arguments(spec, request.get_data(cache=True))


def json_arguments(spec: TaskSpec, body: bytes) -> Arguments:
    """Return the checked arguments of a JSON body. Raises NotJson, InvalidArguments."""
    values = _json_object(body, spec.input_schema)
    files = [name for name in spec.file_parameters if values.get(name) not in (None, [])]
    if files:
        raise InvalidArguments(
            [FieldError(f"/{name}", "This is a file. Send the request as multipart/form-data.") for name in files]
        )
    check(spec, values)
    return Arguments(values)


def inputs_from_request(spec: TaskSpec, request: Request) -> list[dict[str, Any]]:
    """Return the checked inputs of a batch, `{"inputs": [{…}, …]}`.

    Raises NotJson, UnsupportedMediaType, InvalidArguments.
    """
    inputs = json_object(request, BATCH_BYTES, {"properties": {"inputs": {"items": spec.input_schema}}}).get("inputs")
    if (
        not isinstance(inputs, list)
        or not 1 <= len(inputs) <= MAX_BATCH
        or not all(isinstance(one, dict) for one in inputs)
    ):
        raise InvalidArguments([FieldError("/inputs", f"Must be a list of 1 to {MAX_BATCH:,} objects of arguments.")])
    if spec.file_parameters:
        raise InvalidArguments([FieldError("/inputs", "This task takes a file. Submit one job at a time.")])
    check_many(spec, inputs, "/inputs")
    return inputs


def json_object(request: Request, max_bytes: int = JSON_BYTES, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON object in a request. Raises NotJson, UnsupportedMediaType, or 413 over `max_bytes`."""
    request.max_content_length = max_bytes
    body = request.get_data(cache=True)
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(f"The media type is {request.mimetype or 'missing'}. Send JSON.")
    return _json_object(body, schema)


def arguments_from_page(
    spec: TaskSpec,
    form: MultiDict[str, str],
    files: MultiDict[str, FileStorage],
    kept: Uploads = MappingProxyType({}),
) -> Arguments:
    """Return the checked arguments of a page's form. `kept` has the files that an earlier request sent.

    A file takes the place of one that is kept; of a parameter that takes several, it is added to them. A field whose
    name starts with a hyphen is no parameter of the task. Raises InvalidArguments.
    """
    texts = {name: given for name, given in _texts(form).items() if not name.startswith("-")}
    for name in spec.file_parameters:
        texts.pop(name, None)  # without JavaScript, an empty file input may arrive as text
    return _checked(spec, read_fields(spec, texts), files, kept)


def _texts(form: MultiDict[str, str]) -> dict[str, list[str]]:
    """Return the texts of a form. Raises 413 if they are longer together than a JSON body may be."""
    texts = dict(form.lists())
    if sum(len(text) for given in texts.values() for text in given) > JSON_BYTES:
        raise RequestEntityTooLarge
    return texts


def _checked(
    spec: TaskSpec,
    values: dict[str, Any],
    files: MultiDict[str, FileStorage],
    kept: Uploads = MappingProxyType({}),
) -> Arguments:
    uploads = {**kept}
    for name, given in _sent(files).items():
        uploads[name] = [*(kept.get(name, ()) if name in spec.file_lists else ()), *map(_upload, given)]
    check(spec, values, uploads)
    return Arguments(values, uploads)


def _sent(files: MultiDict[str, FileStorage]) -> dict[str, list[FileStorage]]:
    """Return the files that were chosen, by parameter."""
    chosen = {
        name: [file for file in given if file.filename or file.mimetype != _EMPTY_INPUT]
        for name, given in files.lists()
    }
    return {name: given for name, given in chosen.items() if given}


def _upload(file: FileStorage) -> UploadedFile:
    return UploadedFile(file.filename or "", file.mimetype, cast(BinaryIO, file.stream))


def _json_object(body: bytes, schema: dict[str, Any] | None) -> dict[str, Any]:
    value = exact_json(schema or {}, body or b"{}")
    if not isinstance(value, dict):
        raise NotJson('The body has to be a JSON object, such as {"name": "value"}.')
    return value
