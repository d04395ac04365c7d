"""What a single value of a result is: its kind, its entries, the file that it stands for, its text as a key."""

from __future__ import annotations

import mimetypes
import re
from collections import UserString
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from contextlib import suppress
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from io import IOBase
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.results import File, Markdown, Picture, Table, is_svg
from taskdesk.jobs.task import current_job
from taskdesk.worker.child.library_values import is_missing, is_special, translated
from taskdesk.worker.child.result_faults import REMEDY, Where, refusal

MAX_DEPTH = 200  # lists and objects in each other: parsers of other languages also recurse
SCALARS = frozenset({str, int, float, bool, type(None)})
UNKNOWN = (PydanticSerializationError, TypeError, ValueError, AttributeError, RecursionError)  # not a time limit


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


def translated_or_refused(where: Where, value: Any) -> Any:
    """Return the value of a library as one of Python or of ours. Raises UnstorableResult."""
    try:
        return translated(value)
    except (*UNKNOWN, OSError) as error:  # of the library: a picture without pixels, a figure with a wrong formula
        raise refusal(where, f"can't be kept: {str(error).strip() or type(error).__name__}.") from None


def unknown_class(where: Where, value: Any, more: str = "") -> UnstorableResult:
    """Return the refusal of a value of a class that is not known."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return refusal(where, f"can't be kept as JSON: it is of the class {kind}{more}. {REMEDY}")


def is_part(value: Any) -> bool:
    """Return True if a dict with this entry is a result of several parts."""
    return isinstance(value, (Markdown, File, Picture, Path, bytes)) or is_special(value)


def kind_of(value: Any) -> str:
    """Return the kind of a result, or of a part of one."""
    if isinstance(value, str):
        return "text"
    kinds = {Markdown: "markdown", Table: "table", File: "file", Picture: "picture"}
    return next((kind for its_class, kind in kinds.items() if isinstance(value, its_class)), "json")


def recognized(label: str, data: bytes) -> File | Picture:
    """Return bytes as a picture if they are one, else as a file with a name made of the label."""
    is_picture = data.startswith(b"\x89PNG\r\n\x1a\n") or is_svg(data)
    return Picture(data) if is_picture else File(f"{label}.bin", data)


def file_of(path: Path) -> File:
    """Return the file at a path, under its own name."""
    media_type, _ = mimetypes.guess_type(path.name)
    with suppress(ValueError):
        return File(path.name, path, media_type)
    return File(label_of((path.name,)), path, media_type)  # its name has control characters


def is_empty(cell: Any) -> bool:
    """Return True for a missing value in a table."""
    return is_missing(cell) or (isinstance(cell, Decimal) and cell.is_nan())


def is_file_of_job(path: Path) -> bool:
    """Return True for a path to a file; also for one in the job's temporary folder, where nothing else outlives it."""
    folder = current_job().folder
    return path.is_file() or (folder is not None and path.is_relative_to(folder))


def label_of(where: Where) -> str:
    """Return a name of a file for an entry of the result, whose key may be any text."""
    return re.sub(r"[^\w .-]+", "_", where[-1] if where else "result")[:100].strip(" ._") or "file"


def exact(value: str | float) -> Any:
    """Return an instance of a subclass of str, int or float as one of that class itself."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def container(value: Any) -> Mapping[Any, Any] | Iterable[Any] | None:
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


def key_text(where: Where, key: Any) -> str:
    """Return a key of a dict as JSON has it. Raises UnstorableResult."""
    if type(key) is str:
        return key
    try:
        [name] = to_jsonable_python({translated(key): None})
    except UNKNOWN:
        raise refusal(where, f"has a key of the class {type(key).__qualname__}, which can't be text.") from None
    return str(name)
