"""The call that a job is to make, as RQ stores it. Only JSON is read: a pickle is never loaded."""

from __future__ import annotations

import json
import re
import zlib
from contextlib import suppress
from enum import StrEnum
from typing import Any, NamedTuple

from taskdesk.jobs.damage import DAMAGE
from taskdesk.jobs.unpacking import unpack

NO_DATA = "Redis has no arguments of this job."
PACKED = "The arguments can't be unpacked: {error}."
PICKLE = "The arguments are not JSON: they are a pickle, which is never loaded."
NOT_JSON = "The arguments are not JSON."
NO_CALL = "The data of the job is JSON, but not the call of a function."
NO_NAMES = "The arguments have no names, and no task of a worker that is online has ones that fit."
_PICKLE_MARK = b"\x80"  # how each pickle begins since Python 3
_HEAD_BYTES = 4_000
_FUNCTION = re.compile(r'\[\s*("(?:[^"\\]|\\.)*")')  # the first entry of the JSON of a call


class Serializer(StrEnum):
    JSON = "JSON"
    PICKLE = "pickle"
    OTHER = "another serializer"


class StoredCall(NamedTuple):
    """`named` is None if the arguments can't be read; `fault` says why."""

    reference: str
    positional: tuple[Any, ...] = ()
    named: dict[str, Any] | None = None
    fault: str = ""


def read_call(data: bytes | None) -> StoredCall:
    if not data:
        return StoredCall("", fault=NO_DATA)
    try:
        text = unpack(data) if data[:1] == b"x" else data
    except zlib.error as error:
        return StoredCall("unreadable", fault=PACKED.format(error=error))
    if text[:1] == _PICKLE_MARK:
        return StoredCall("unreadable", fault=PICKLE)
    try:
        call = json.loads(text)
    except DAMAGE:
        return StoredCall("unreadable", fault=NOT_JSON)
    try:
        reference, _, positional, named = call
        return StoredCall(str(reference), tuple(positional), dict(named), fault=NO_NAMES if positional else "")
    except DAMAGE:
        return StoredCall("unreadable", fault=NO_CALL)


def function_of(data: bytes, description: bytes) -> str:
    """Return the path of the function that a job calls. A pickle is not loaded: its description has the path."""
    if named := _FUNCTION.match(_head(data).decode(errors="ignore")):
        with suppress(ValueError):
            return str(json.loads(named[1]))
    return description.decode(errors="replace").partition("(")[0]


def serializer_of(data: bytes) -> Serializer:
    """Return what has written the data of a job, as its first bytes tell."""
    head = _head(data)
    if head[:1] == _PICKLE_MARK:
        return Serializer.PICKLE
    return Serializer.JSON if _FUNCTION.match(head.decode(errors="ignore")) else Serializer.OTHER


def _head(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _HEAD_BYTES) if data[:1] == b"x" else data
    except zlib.error:
        return b""
