"""The preview of a result: all that pages and lists read of it. It is small, however large the result is.

A part that is small is whole in it. Of any other part it has the beginning, and how much there is in all. The worker
stores the preview beside a large result (job_hash.py, RESULT_PREVIEW); that of a small result is made as it is read.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from taskdesk.jobs.artifacts import Artifact, artifact_of
from taskdesk.jobs.parts import Part, UrlOf, has_parts, is_table, part_of, pointer_of, result_parts

LARGE_BYTES = 100_000  # of JSON; beyond, a result is large, and a preview is stored with it
MAX_INLINE_BYTES = 64 * 1024  # of JSON: a part up to this is whole, if there is room
MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 200, 100, 10_000  # of a table
MAX_CELL, MAX_TEXT = 500, 2_000  # characters of a text in a cell, or elsewhere in JSON
MAX_NAME = 200  # characters of a key or of the name of a column
MAX_CHARACTERS = 100_000  # of text and Markdown
MAX_ENTRIES = 200  # of one list or object
MAX_PARTS, MAX_FILES = 1_000, 500
_ROOM = 250_000  # bytes for all parts together, about
_ALWAYS_WHOLE = 200  # bytes; the link of a file takes as many
_MAX_NODES = 5_000  # of one part

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class PartPreview(Part):
    """The beginning of a part. `size`: bytes of JSON of the whole; 0 for a whole part of a small result.

    Set only if the part is not whole: `shape`: rows and columns of a table, whose beginning is the value, also for a
    list of flat objects. `characters` of a text. `lengths`: the number of entries, by JSON pointer, of each list and
    object that is cut. `kept_files`: the first files that stand inside the value; `places` has all of them.
    """

    size: int = 0
    is_whole: bool = True
    shape: tuple[int, int] | None = None
    characters: int = 0
    lengths: Mapping[str, int] = field(default_factory=dict)
    kept_files: Sequence[Any] = ()

    @cached_property
    def table(self) -> dict[str, Any] | None:
        return dict(self.value) if self.shape else super().table

    @property
    def files(self) -> list[Artifact]:
        return super().files if self.is_whole else [file for file in map(artifact_of, self.kept_files) if file]

    def as_dict(self, url_of: UrlOf | None = None) -> dict[str, Any]:
        """Return the JSON object of the part, with its value if it is whole, else with its size.

        `url_of` gives the files their addresses.
        """
        shown = {"name": self.name, "kind": self.kind}
        if file := self.file:
            return {**shown, **self.value, **({"url": url_of(file.artifact)} if url_of else {})}
        if not self.is_whole:
            return {**shown, "size": self.size}
        if url_of:
            self.link_files(url_of)
        return {**shown, "value": self.value}


class Preview(NamedTuple):
    """The preview of a result: its first parts, and how many it has. Without named parts, it is one part."""

    parts: list[PartPreview]
    part_count: int
    has_parts: bool

    @property
    def names_all_files(self) -> bool:
        is_all = all(part.is_whole or len(part.places) <= MAX_FILES for part in self.parts)
        return is_all and len(self.parts) == self.part_count

    def as_dict(self, url_of: UrlOf | None = None) -> dict[str, Any]:
        """Return the JSON object of the result."""
        parts = [part.as_dict(url_of) for part in self.parts]
        if self.has_parts:
            more = {"part_count": self.part_count} if self.part_count > len(parts) else {}
            return {"kind": "parts", "parts": parts, **more}
        [part] = parts
        del part["name"]
        return part


def preview_of(kinds: Any, value: Any, size: int) -> Preview:
    """Return the preview of a result of `size` bytes of JSON. `kinds`: as `Job.result_kinds`."""
    parts = result_parts(kinds, value)
    first = parts[:MAX_PARTS]
    made = [_whole(part, 0) for part in first] if size <= MAX_INLINE_BYTES else list(_previews(first, size))
    return Preview(made, len(parts), has_parts(kinds, value))


def _previews(parts: Sequence[Part], size: int) -> Iterator[PartPreview]:
    room = _ROOM
    for part in parts:
        own = size if len(parts) == 1 else _size(part.value)
        is_whole = part.is_file or own <= max(min(MAX_INLINE_BYTES, room), _ALWAYS_WHOLE)
        made = _whole(part, own) if is_whole else _beginning(part, own, room)
        room -= own if is_whole else _size([made.value, made.lengths])
        yield made


def as_json(preview: Preview) -> bytes:
    """Return the preview as it is stored. The kinds of its parts are stored with the job."""
    return _encode([_stored(part) for part in preview.parts]).encode()


def from_json(kinds: Any, text: bytes) -> Preview:
    """Return the preview that `as_json` has stored. Raises an error of DAMAGE."""
    parts = [_read(kinds, **stored) for stored in json.loads(text)]
    is_one = not isinstance(kinds, dict)
    if is_one and len(parts) != 1:
        raise ValueError("the preview is of another result")
    return Preview(parts, 1 if is_one else len(kinds), not is_one)


def _stored(made: PartPreview) -> dict[str, Any]:
    shown = {name: getattr(made, name) for name in ("shape", "characters", "lengths", "kept_files")}
    shown = {name: value for name, value in shown.items() if value}
    return {"name": made.name, "value": made.value, "size": made.size, "is_whole": made.is_whole, **shown}


def _read(
    kinds: Any,
    name: str,
    value: Any,
    size: int,
    is_whole: bool,
    shape: Any = None,
    characters: int = 0,
    lengths: Any = (),
    kept_files: Any = (),
) -> PartPreview:
    kind = kinds[name] if isinstance(kinds, dict) else kinds
    part = part_of(name, kind, value)
    if part.kind != (kind[0] if isinstance(kind, list) else kind) or (shape and not is_table(value)):
        raise ValueError("the value is not of its kind")
    rows_and_columns = (int(shape[0]), int(shape[1])) if shape else None
    lengths = {str(where): int(count) for where, count in dict(lengths).items()}
    return PartPreview(
        *(part.name, part.kind, part.value, part.places, int(size), bool(is_whole)),
        *(rows_and_columns, int(characters), lengths, tuple(kept_files)),
    )


def _whole(part: Part, size: int) -> PartPreview:
    return PartPreview(part.name, part.kind, part.value, part.places, size)


def _beginning(part: Part, size: int, room: int) -> PartPreview:
    common = (part.name, part.kind)
    files = tuple(vars(file) for file in islice(part.files_inside(), MAX_FILES))
    more: dict[str, Any] = {"size": size, "is_whole": False, "kept_files": files}
    if table := part.table:
        shape = (len(table["rows"]), len(table["columns"]))
        return PartPreview(*common, _rows(table, room), part.places, shape=shape, **more)
    if isinstance(part.value, str):
        text = part.value[: max(min(MAX_CHARACTERS, room), 0)]
        return PartPreview(*common, text, part.places, characters=len(part.value), **more)
    value, lengths = _pruned(part.value, room)
    return PartPreview(*common, value, part.places, lengths=lengths, **more)


def _rows(table: Mapping[str, Any], room: int) -> dict[str, Any]:
    """Return the first rows and columns, with long cells cut."""
    columns = [_cut(str(name), MAX_NAME) for name in table["columns"][:MAX_COLUMNS]] if room > 0 else []
    rows: list[list[Any]] = []
    room -= _size(columns)
    for row in table["rows"][: min(MAX_ROWS, MAX_CELLS // max(len(columns), 1))]:
        cells = [_cell(cell) for cell in row[: len(columns)]]
        room -= _size(cells)
        if room < 0:
            break
        rows.append(cells)
    return {"columns": columns, "rows": rows}


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _cut(value, MAX_CELL)
    if isinstance(value, (list, dict)) and len(text := _encode(value)) > MAX_CELL:
        return _cut(text, MAX_CELL)
    return value


def _pruned(value: Any, room: int) -> tuple[Any, dict[str, int]]:
    """Return the beginning of a JSON value, and how long the lists and objects are that are cut, by JSON pointer.

    It is made level by level, so that a large document loses its deepest values.
    """
    root = _empty(value)
    lengths: dict[str, int] = {}
    groups = deque([("", value, root)] if isinstance(value, (list, dict)) else [])
    nodes = _MAX_NODES
    while groups:
        where, content, copy = groups.popleft()
        for key, entry in islice(_items(content), MAX_ENTRIES):
            shown = _empty(entry)
            room, nodes = room - len(key) - len(_encode(shown)), nodes - 1
            if room < 0 or nodes < 0 or (isinstance(copy, dict) and key in copy):  # two long keys may be cut to one
                break
            _add(copy, key, shown)
            if entry and isinstance(entry, (list, dict)):
                groups.append((where + pointer_of(key), entry, shown))
        if len(copy) < len(content):
            lengths[where] = len(content)
    return root, lengths


def _add(copy: dict[str, Any] | list[Any], key: str, value: Any) -> None:
    if isinstance(copy, dict):
        copy[key] = value
    else:
        copy.append(value)


def _empty(value: Any) -> Any:
    """Return a list or an object without its entries, a text that is cut, and any other value as it is."""
    if isinstance(value, (list, dict)):
        return type(value)()
    return _cut(value, MAX_TEXT) if isinstance(value, str) else value


def _items(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    entries: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    return ((_cut(str(key), MAX_NAME), entry) for key, entry in entries)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _size(value: Any) -> int:
    return len(_encode(value).encode())
