"""One pass that turns what a task returned into JSON values and files, before anything is stored.

Every refusal names its place as a JSON pointer (`/scores/3/mean`) and the true reason.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64encode
from collections import UserString
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from contextlib import suppress
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from io import IOBase
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, to_jsonable_python

from taskdesk.jobs.artifacts import stored_name
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.results import File, Markdown, Picture, Table, is_svg
from taskdesk.jobs.task import current_job
from taskdesk.worker.child.library_values import is_missing, is_special, translated
from taskdesk.worker.child.result_faults import REMEDY, Where, pointer, refusal

MAX_DEPTH = 200  # lists and objects in each other: parsers of other languages also recurse
SCALARS = frozenset({str, int, float, bool, type(None)})
MAX_FAULTS = 100  # after which the rest is not read
_UNKNOWN = (PydanticSerializationError, TypeError, ValueError, AttributeError, RecursionError)  # not a time limit


class PendingFile(NamedTuple):
    """A file to store. `stands`: the object that stands for it in the value, filled when it is stored."""

    where: Where
    stored: str
    file: File
    stands: dict[str, Any]


def is_plain(value: Any) -> bool:
    """Return True if the value needs no pass: it consists of lists, dicts with text as keys, and scalars only.

    The types are compared level by level, at the speed of C.
    """
    if type(value) in SCALARS:
        return True
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        dicts = [each for each in level if type(each) is dict]
        lists = [each for each in level if type(each) is list]
        if len(dicts) + len(lists) < len(level) or not set(map(type, chain.from_iterable(dicts))) <= {str}:
            return False
        entries = list(chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists)))
        if set(map(type, entries)) <= SCALARS:
            return True
        # Each once: a list that contains itself twice would double with each level.
        level = list({id(entry): entry for entry in entries if type(entry) not in SCALARS}.values())
    return False


class ResultPass:
    """The pass over one returned value. `files`: what is to be stored with it; `faults`: why it can't be kept."""

    def __init__(self) -> None:
        self.files: list[PendingFile] = []
        self.faults: list[UnstorableResult] = []
        self._names: set[str] = set()  # of the stored files
        self._inside: set[int] = set()  # ids of the containers around the current value

    def result(self, returned: Any) -> tuple[Any, Any]:
        """Return the value and its kind; of a dict with tables, files, … the kinds of its entries by name."""
        if not (isinstance(returned, Mapping) and any(map(_is_special, returned.values()))):
            return self._part((), returned)
        names = self._keys((), returned)
        parts = {name: self._part((name,), value) for name, value in zip(names, returned.values(), strict=True)}
        return {name: part[0] for name, part in parts.items()}, {name: part[1] for name, part in parts.items()}

    def _part(self, where: Where, value: Any) -> tuple[Any, str | list[str]]:
        """Return the value and its kind; with files inside, a list of the kind and of their places in the value."""
        value = self._translated_part(where, value)
        if isinstance(value, Path):
            value = _file_of(value)
        if isinstance(value, (bytes, bytearray)):
            value = _recognized(_label(where), bytes(value))
        known = len(self.files)
        shown = None
        with suppress(UnstorableResult):  # it has too many faults: go on with the parts beside it
            shown = self._json(where, value)
        inside = [pointer(file.where[len(where) :]) for file in self.files[known:] if file.where != where]
        return shown, [_kind(value), *inside] if inside else _kind(value)

    def _translated_part(self, where: Where, value: Any) -> Any:
        try:
            return _translated(where, value)
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
            value = _translated(where, value)
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
            return (_exact(value.text),)
        if isinstance(value, Picture):
            extension = mimetypes.guess_extension(value.media_type) or ""
            return (self._file(where, File(_label(where) + extension, value.data, value.media_type)),)
        if isinstance(value, File):
            return (self._file(where, value),)
        if isinstance(value, Path) and _is_file_of_job(value):
            return (self._file(where, _file_of(value)),)
        return None

    def _entries(self, where: Where, value: Any) -> Any:
        """Return a container with its entries as JSON, and anything else as pydantic sees it."""
        if id(value) in self._inside:
            raise refusal(where, "contains itself.")
        content = _container(value)
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
                name = _key(where, key)
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
            return _exact(value)
        if isinstance(value, (bytes, bytearray)):
            return b64encode(value).decode()
        if isinstance(value, (PurePath, UserString)):
            return str(value)
        if isinstance(value, IOBase):  # pydantic would read its lines
            raise _unknown(where, value)
        serializer = getattr(value, "__pydantic_serializer__", None)
        if serializer and not isinstance(value, type):
            python = serializer.to_python(value, by_alias=True)
            if type(python) is not type(value) and not is_plain(python):
                return self._json(where, python)
        try:
            return to_jsonable_python(value, inf_nan_mode="constants", bytes_mode="base64")
        except _UNKNOWN as error:
            raise _unknown(where, value, "" if "unknown type" in str(error) else f" ({error})") from None

    def _table(self, where: Where, table: Table) -> dict[str, Any]:
        rows = [self._row((*where, "rows", str(number)), row) for number, row in enumerate(table.rows)]
        return {"columns": list(table.columns), "rows": rows}

    def _row(self, where: Where, row: Sequence[Any]) -> list[Any]:
        """Return the cells as JSON. A missing value, such as NaN, is an empty cell."""
        kinds = set(map(type, row))
        if not kinds <= SCALARS:
            row = [None if _is_empty(cell) else self._json((*where, str(n)), cell) for n, cell in enumerate(row)]
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


def _translated(where: Where, value: Any) -> Any:
    try:
        return translated(value)
    except (*_UNKNOWN, OSError) as error:  # of the library: a picture without pixels, a figure with a wrong formula
        raise refusal(where, f"can't be kept: {str(error).strip() or type(error).__name__}.") from None


def _unknown(where: Where, value: Any, more: str = "") -> UnstorableResult:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return refusal(where, f"can't be kept as JSON: it is of the class {kind}{more}. {REMEDY}")


def _is_special(value: Any) -> bool:
    return isinstance(value, (Markdown, File, Picture, Path, bytes)) or is_special(value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    kinds = {Markdown: "markdown", Table: "table", File: "file", Picture: "picture"}
    return next((kind for its_class, kind in kinds.items() if isinstance(value, its_class)), "json")


def _recognized(label: str, data: bytes) -> File | Picture:
    is_picture = data.startswith(b"\x89PNG\r\n\x1a\n") or is_svg(data)
    return Picture(data) if is_picture else File(f"{label}.bin", data)


def _file_of(path: Path) -> File:
    media_type, _ = mimetypes.guess_type(path.name)
    with suppress(ValueError):
        return File(path.name, path, media_type)
    return File(_label((path.name,)), path, media_type)  # its name has control characters


def _is_empty(cell: Any) -> bool:
    return is_missing(cell) or (isinstance(cell, Decimal) and cell.is_nan())


def _is_file_of_job(path: Path) -> bool:
    """Return True for a path to a file; also for one in the job's temporary folder, where nothing else outlives it."""
    folder = current_job().folder
    return path.is_file() or (folder is not None and path.is_relative_to(folder))


def _label(where: Where) -> str:
    """Return a name of a file for an entry of the result, whose key may be any text."""
    return re.sub(r"[^\w .-]+", "_", where[-1] if where else "result")[:100].strip(" ._") or "file"


def _exact(value: str | float) -> Any:
    """Return an instance of a subclass of str, int or float as one of that class itself."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _container(value: Any) -> Mapping[Any, Any] | Iterable[Any] | None:
    """Return the entries of a container; None for anything else."""
    if isinstance(value, (str, bytes, bytearray, Enum, IOBase, UserString)):
        return None
    if is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "__pydantic_serializer__"):
        return {field.name: getattr(value, field.name) for field in fields(value) if hasattr(value, field.name)}
    if isinstance(value, (set, frozenset)):
        return _in_order(value)
    return value if isinstance(value, (Mapping, Sequence, Set, Iterator, ValuesView)) else None


def _in_order(entries: Iterable[Any]) -> list[Any]:
    """Return the entries of a set, sorted if they can be: else their order would change from run to run."""
    try:
        return sorted(entries)
    except TypeError:
        return list(entries)


def _key(where: Where, key: Any) -> str:
    if type(key) is str:
        return key
    try:
        [name] = to_jsonable_python({translated(key): None})
    except _UNKNOWN:
        raise refusal(where, f"has a key of the class {type(key).__qualname__}, which can't be text.") from None
    return str(name)
