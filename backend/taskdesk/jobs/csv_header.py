"""The names of the columns of an uploaded CSV file, and the check of a parameter that has to be one of them.

Only the beginning of the file is read. A file whose header can't be told for sure is left to the task.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, BinaryIO

from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError

HEAD_BYTES = 65_536  # static/columns.js reads as many
_DELIMITERS = ",;\t|"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NOT_A_TABLE = ("PK\x03\x04", "%PDF", "{", "[", "<")
_MOST_NAMED = 20  # in an error
_OF_PANDAS = re.compile(r"Unnamed: \d+|(?P<name>.*)\.\d+")  # names that pandas gives to columns without, or twice


def column_errors(
    spec: TaskSpec, values: Mapping[str, Any], uploads: Mapping[str, Sequence[UploadedFile]]
) -> Iterator[FieldError]:
    """Yield an error for each value that is no column of its file. Values of another type have one already."""
    for name, of in spec.column_parameters.items():
        value, files = values.get(name), uploads.get(of, ())
        headers = headers_of(files[0].content) if files and isinstance(value, str) and value else []
        if headers and not any(map(_has(value), headers)):
            yield FieldError(f"/{name}", _sentence(value, files[0].filename, max(headers, key=len)))


def headers_of(content: BinaryIO) -> list[list[str]]:
    """Return the names of the columns by each delimiter that makes several; one if none does; none if it is no table.

    Spaces are single, as the tasks have them. The file is at its beginning before and after.
    """
    head = content.read(HEAD_BYTES)
    content.seek(0)
    text = _decode(head).lstrip()
    if "\0" in text or text.startswith(_NOT_A_TABLE):
        return []
    first, line_end, rest = text.partition("\n")
    if told := re.fullmatch(r'"?sep=(.)"?\s*', first):  # Excel's own line
        return [names] if (names := _record(rest, told[1])) else []
    if len(head) == HEAD_BYTES and not line_end:
        return []
    found = [names for delimiter in _DELIMITERS if len(names := _record(text, delimiter)) > 1]
    return found or ([names] if (names := _record(text, ",")) else [])


def _decode(head: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _record(text: str, delimiter: str) -> list[str]:
    """Return the first record that has a name."""
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, skipinitialspace=True)
    try:
        return next((names for row in rows if any(names := [_plain(cell) for cell in row])), [])
    except csv.Error:
        return []


def _plain(name: str) -> str:
    return " ".join(name.split())


def _has(value: Any) -> Callable[[list[str]], bool]:
    wanted = _plain(value)
    of_pandas = _OF_PANDAS.fullmatch(wanted)
    return lambda names: (
        wanted in names or bool(of_pandas and (of_pandas["name"] is None or of_pandas["name"] in names))
    )


def _sentence(value: Any, filename: str, names: Sequence[str]) -> str:
    lower = {name.lower(): name for name in names if name}
    near = [lower[one] for one in get_close_matches(_plain(value).lower(), lower, 5, 0.6)]
    start = f"{filename or 'The file'} has no column {value[:100]!r}."
    if near:
        return f"{start} Similar: {', '.join(near)}."
    more = len(lower) - _MOST_NAMED
    return (
        f"{start} Its columns: {', '.join([*lower.values()][:_MOST_NAMED])}{f' and {more:,} more' if more > 0 else ''}."
    )
