"""One pass that turns what a task returned into JSON values and files, before anything is stored.

Every refusal names its place as a JSON pointer (`/scores/3/mean`) and the true reason.
"""

from __future__ import annotations

import mimetypes
from base64 import b64encode
from collections import UserString
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from io import IOBase
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from taskdesk.jobs.artifacts import stored_name
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.results import File, Markdown, Picture, Table
from taskdesk.worker.child.result_faults import Where, pointer, refusal
from taskdesk.worker.child.result_values import (
    MAX_DEPTH,
    SCALARS,
    UNKNOWN,
    container,
    exact,
    file_of,
    is_empty,
    is_file_of_job,
    is_part,
    is_plain,
    key_text,
    kind_of,
    label_of,
    recognized,
    translated_or_refused,
    unknown_class,
)

MAX_FAULTS = 100  # after which the rest is not read


class PendingFile(NamedTuple):
    """A file to store. `stands`: the object that stands for it in the value, filled when it is stored."""

    where: Where
    stored: str
    file: File
    stands: dict[str, Any]


class ResultPass:
    """The pass over one returned value. `files`: what is to be stored with it; `faults`: why it can't be kept."""

    def __init__(self) -> None:
        self.files: list[PendingFile] = []
        self.faults: list[UnstorableResult] = []
        self._names: set[str] = set()  # of the stored files
        self._inside: set[int] = set()  # ids of the containers around the current value

    def result(self, returned: Any) -> tuple[Any, Any]:
        """Return the value and its kind; of a dict with tables, files, … the kinds of its entries by name."""
        if not (isinstance(returned, Mapping) and any(map(is_part, returned.values()))):
            return self._part((), returned)
        names = self._keys((), returned)
        parts = {name: self._part((name,), value) for name, value in zip(names, returned.values(), strict=True)}
        return {name: part[0] for name, part in parts.items()}, {name: part[1] for name, part in parts.items()}

    def _part(self, where: Where, value: Any) -> tuple[Any, str | list[str]]:
        """Return the value and its kind; with files inside, a list of the kind and of their places in the value."""
        value = self._translated_part(where, value)
        if isinstance(value, Path):
            value = file_of(value)
        if isinstance(value, (bytes, bytearray)):
            value = recognized(label_of(where), bytes(value))
        known = len(self.files)
        shown = None
        with suppress(UnstorableResult):  # it has too many faults: go on with the parts beside it
            shown = self._json(where, value)
        inside = [pointer(file.where[len(where) :]) for file in self.files[known:] if file.where != where]
        return shown, [kind_of(value), *inside] if inside else kind_of(value)

    def _translated_part(self, where: Where, value: Any) -> Any:
        try:
            return translated_or_refused(where, value)
        except UnstorableResult as fault:
            self.faults.append(fault)
            return None

    def _json(self, where: Where, value: Any) -> Any:
        """Return the JSON value of any value, at any depth."""
        if type(value) in SCALARS:
            return value
        try:
            if len(where) > MAX_DEPTH:
                raise refusal(where, f"is nested more than {MAX_DEPTH} deep.")
            value = translated_or_refused(where, value)
            if type(value) in SCALARS:
                return value
            found = self._of_ours(where, value)
            return self._entries(where, value) if found is None else found[0]
        except UnstorableResult as fault:
            if len(self.faults) >= MAX_FAULTS:
                raise
            self.faults.append(fault)  # and go on: files beside it are kept
            return None

    def _of_ours(self, where: Where, value: Any) -> tuple[Any] | None:
        """Return the JSON value of one of our kinds of results, in a tuple; None for anything else."""
        if isinstance(value, Table):
            return (self._table(where, value),)
        if isinstance(value, Markdown):
            return (exact(value.text),)
        if isinstance(value, Picture):
            extension = mimetypes.guess_extension(value.media_type) or ""
            return (self._file(where, File(label_of(where) + extension, value.data, value.media_type)),)
        if isinstance(value, File):
            return (self._file(where, value),)
        if isinstance(value, Path) and is_file_of_job(value):
            return (self._file(where, file_of(value)),)
        return None

    def _entries(self, where: Where, value: Any) -> Any:
        """Return a container with its entries as JSON, and anything else as pydantic sees it."""
        if id(value) in self._inside:
            raise refusal(where, "contains itself.")
        content = container(value)
        if content is None:
            return self._other(where, value)
        self._inside.add(id(value))
        try:
            if isinstance(content, Mapping):
                keys = self._keys(where, content)
                return {k: self._json((*where, k), v) for k, v in zip(keys, content.values(), strict=True)}
            if isinstance(content, list) and set(map(type, content)) <= SCALARS:
                return content
            return [self._json((*where, str(number)), entry) for number, entry in enumerate(content)]
        finally:
            self._inside.discard(id(value))

    def _keys(self, where: Where, content: Mapping[Any, Any]) -> list[str]:
        """Return the keys of an object, of which no two may be the same text."""
        names: dict[str, Any] = {}
        for key in content:
            try:
                name = key_text(where, key)
            except UnstorableResult as fault:
                self.faults.append(fault)  # and go on: files beside it are kept
                name = f"key {len(names)}"
            if name in names:
                reason = f"has two keys that are {name!r} in JSON: {names[name]!r} and {key!r}."
                self.faults.append(refusal(where, reason))
                name = f"{name} ({len(names)})"
            names[name] = key
        return list(names)

    def _other(self, where: Where, value: Any) -> Any:
        if isinstance(value, Enum):
            return self._json(where, value.value)
        if isinstance(value, (str, int, float)):
            return exact(value)
        if isinstance(value, (bytes, bytearray)):
            return b64encode(value).decode()
        if isinstance(value, (PurePath, UserString)):
            return str(value)
        if isinstance(value, IOBase):  # pydantic would read its lines
            raise unknown_class(where, value)
        serializer = getattr(value, "__pydantic_serializer__", None)
        if serializer and not isinstance(value, type):
            python = serializer.to_python(value, by_alias=True)
            if type(python) is not type(value) and not is_plain(python):
                return self._json(where, python)
        try:
            return to_jsonable_python(value, inf_nan_mode="constants", bytes_mode="base64")
        except UNKNOWN as error:
            raise unknown_class(where, value, "" if "unknown type" in str(error) else f" ({error})") from None

    def _table(self, where: Where, table: Table) -> dict[str, Any]:
        rows = [self._row((*where, "rows", str(number)), row) for number, row in enumerate(table.rows)]
        return {"columns": list(table.columns), "rows": rows}

    def _row(self, where: Where, row: Sequence[Any]) -> list[Any]:
        """Return the cells as JSON. A missing value, such as NaN, is an empty cell."""
        kinds = set(map(type, row))
        if not kinds <= SCALARS:
            row = [None if is_empty(cell) else self._json((*where, str(n)), cell) for n, cell in enumerate(row)]
            kinds = set(map(type, row))
        return [None if cell != cell else cell for cell in row] if float in kinds else list(row)

    def _file(self, where: Where, file: File) -> dict[str, Any]:
        if isinstance(file.content, Path) and not file.content.is_file():
            what = "is no regular file" if file.content.exists() else "does not exist"
            what = "is a folder: return its files, or an archive" if file.content.is_dir() else what
            raise refusal(where, f"is the file {str(file.content)!r}, which {what}.")
        stored = stored_name(file.name, self._names)
        self._names.add(stored)
        self.files.append(PendingFile(where, stored, file, {}))
        return self.files[-1].stands
