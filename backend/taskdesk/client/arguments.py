"""The arguments of a submit as Python values. They are written as JSON and read again, as those of an API client."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import SecretBytes, SecretStr
from pydantic_core import to_json

from taskdesk.jobs.arguments import Arguments, check, check_file_count
from taskdesk.jobs.artifacts import OCTET_STREAM, UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.parameter import Parameter
from taskdesk.jobs.texts import read_each, read_json

_CLASH = (
    "The task has a parameter of this name, and `submit` has an option of this name. Pass the arguments of the task as "
    'arguments={{"{name}": …}}; then {name}=… is the option.'
)
_TWICE = "This stands in `arguments` and among the named arguments. Pass it once."
_NO_NAMES = 'Must be a dict of the arguments by name. Or pass each by its name: submit("{task}", {name}=…).'
_NO_FILE = "Must be a file: pass a Path, bytes, or a file that is open in binary mode."
_NO_FILES = "Must be a list of files: each a Path, bytes, or a file that is open in binary mode."


def one_mapping(
    spec: TaskSpec, arguments: Mapping[str, Any] | None, named: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all arguments. Raises InvalidArguments for one without a name, and for a name that is also an option."""
    if not isinstance(arguments, Mapping | None):
        detail = _NO_NAMES.format(task=spec.name, name=next(iter(spec.parameters), "name"))
        raise InvalidArguments([FieldError("/arguments", detail)])
    errors = [FieldError(f"/{name}", _TWICE) for name in named if name in (arguments or {})]
    if arguments is None:
        given = [name for name, value in options.items() if value and name in spec.parameters]
        errors += [FieldError(f"/{name}", _CLASH.format(name=name)) for name in given]
    if errors:
        raise InvalidArguments(errors)
    return {**(arguments or {}), **named}


def checked_arguments(spec: TaskSpec, given: Mapping[str, Any], files: ExitStack) -> Arguments:
    """Return the arguments as the task's JSON Schema accepts them. `files` closes what is opened here.

    Raises InvalidArguments.
    """
    uploads = {
        name: found
        for name in spec.file_parameters
        if given.get(name) is not None and (found := _uploads(name, given[name], files, name in spec.file_lists))
    }

    def read(name: str) -> Any:
        return read_json(Parameter(name, spec.parameters.get(name, {})), _json(name, given[name]))

    values = read_each((name for name in given if name not in uploads), read)
    check(spec, values, uploads)
    return Arguments(values, uploads)


def _json(name: str, value: Any) -> str:
    plain = value.get_secret_value() if isinstance(value, SecretStr | SecretBytes) else value
    try:
        return to_json(plain).decode()
    except (ValueError, RecursionError) as error:  # an unknown type, a cycle, half of a character
        raise InvalidArguments([FieldError(f"/{name}", f"This can't be written as JSON: {error}.")]) from None


def _uploads(name: str, value: Any, files: ExitStack, is_list: bool) -> list[UploadedFile]:
    if not is_list:
        return [_upload(f"/{name}", value, files)]
    if not isinstance(value, list | tuple):
        raise InvalidArguments([FieldError(f"/{name}", _NO_FILES)])
    check_file_count(name, len(value))
    return [_upload(f"/{name}/{place}", one, files) for place, one in enumerate(value)]


def _upload(pointer: str, value: Any, files: ExitStack) -> UploadedFile:
    try:
        filename, media_type, content = _opened(value, files)
    except OSError as error:
        detail = f"{value} can't be read: {error.strerror}."
    else:
        if content is not None and content.seekable():
            guessed = media_type or mimetypes.guess_type(filename)[0] or OCTET_STREAM
            return UploadedFile(filename, guessed, content)
        detail = _NO_FILE
    raise InvalidArguments([FieldError(pointer, detail)])


def _opened(value: Any, files: ExitStack) -> tuple[str, str, BinaryIO | None]:
    """Return the name, the media type (empty if unknown) and the content of a file; no content if it is none."""
    if isinstance(value, Path):
        return value.name, "", files.enter_context(value.open("rb"))
    if isinstance(value, bytes):
        return "", "", BytesIO(value)
    stream = getattr(value, "stream", value)  # of werkzeug's FileStorage
    is_binary = hasattr(stream, "read") and hasattr(stream, "seekable") and not hasattr(stream, "encoding")
    filename = str(getattr(value, "filename", None) or getattr(value, "name", ""))
    media_type = str(getattr(value, "mimetype", ""))
    return Path(filename).name, media_type, cast(BinaryIO, stream) if is_binary else None
