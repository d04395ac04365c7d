"""The parts of a result: their kinds, their names, and the files among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from taskdesk.jobs.artifacts import Artifact, artifact_of
from taskdesk.jobs.records import table_of_records

FILE_KINDS = ("file", "picture")
TEXT_KINDS = ("text", "markdown")
_ACRONYMS = {"csv", "html", "id", "json", "mae", "pdf", "png", "rmse", "roc", "svg", "url", "xml"}


@dataclass(frozen=True)
class Part:
    """A part of a result. `kind` is text, json, table or markdown; or picture or file, whose value names the file.

    `places`: JSON pointers to the files that stand inside the value.
    """

    name: str
    kind: str
    value: Any
    places: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        first, *others = [word.upper() if word.lower() in _ACRONYMS else word for word in self.name.split("_")]
        return " ".join([first[:1].upper() + first[1:], *others])

    @property
    def is_number(self) -> bool:
        return self.kind == "json" and type(self.value) in (int, float)

    @property
    def is_file(self) -> bool:
        return self.kind in FILE_KINDS

    @cached_property
    def table(self) -> dict[str, Any] | None:
        """The columns and rows of a table, also of a list of flat objects; None for a part of another kind."""
        if self.kind == "table":
            return dict(self.value)
        return table_of_records(self.value) if self.kind == "json" else None

    @property
    def file(self) -> Artifact | None:
        """The stored file; None for a part of another kind."""
        return artifact_of(self.value) if self.is_file else None

    @property
    def files(self) -> list[Artifact]:
        """The stored files: the part itself, or those inside its value."""
        return [self.file] if self.file else list(self.files_inside())

    def files_inside(self) -> Iterator[Artifact]:
        """Yield the stored files that stand inside the value."""
        found = (artifact_of(value_at(self.value, place)) for place in self.places)
        return (file for file in found if file)

    def link_files(self, url_of: UrlOf) -> None:
        """Give the objects of the files inside the value their addresses, as `url`."""
        for place in self.places:
            if file := artifact_of(shown := value_at(self.value, place)):
                shown["url"] = url_of(file.artifact)


def result_parts(kinds: Any, value: Any) -> list[Part]:
    """Return the parts of a result in the task's order. A result without parts is one part named "result".

    `kinds`: as `Job.result_kinds`.
    """
    if has_parts(kinds, value):
        return [part_of(name, kind, value[name]) for name, kind in kinds.items()]
    return [part_of("result", kinds or ("text" if isinstance(value, str) else "json"), value)]


def has_parts(kinds: Any, value: Any) -> bool:
    """Return True if the result consists of named parts."""
    return isinstance(kinds, dict) and isinstance(value, dict) and kinds.keys() <= value.keys()


UrlOf = Callable[[str], str]  # from the name of an artifact to its address


def linked_result(kinds: Any, value: Any, url_of: UrlOf) -> Any:
    """Return a result with an address in place of each part that is a file. The files inside it get theirs as `url`."""
    parts = result_parts(kinds, value)
    for part in parts:
        part.link_files(url_of)
    shown = {part.name: url_of(part.value["artifact"]) if part.is_file else part.value for part in parts}
    return shown if has_parts(kinds, value) else shown["result"]


def may_have_files(kinds: Any) -> bool:
    """Return True if a part is a file, or has files inside."""
    return any(
        isinstance(kind, list) or kind in FILE_KINDS
        for kind in (kinds.values() if isinstance(kinds, dict) else [kinds])
    )


def part_of(name: str, kind: Any, value: Any) -> Part:
    """Return the part. `kind`: its kind, or a list of it and the places of the files inside.

    A value that is not of its kind, because the data in Redis are damaged, is shown as JSON.
    """
    kind, *places = kind if isinstance(kind, list) and kind else [kind]
    fits = isinstance(kind, str) and kind in _VALUES and _VALUES[kind](value)
    return Part(name, kind if fits else "json", value, tuple(place for place in places if isinstance(place, str)))


def pointer_of(key: str) -> str:
    """Return the key of an entry as a part of a JSON pointer (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def value_at(value: Any, place: str) -> Any:
    """Return the value at a JSON pointer; None if nothing is there."""
    for key in place.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key) if isinstance(value, list) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_file(value: Any) -> bool:
    return artifact_of(value) is not None


def is_table(value: Any) -> bool:
    match value:
        case {"columns": list(), "rows": list(rows)}:
            return all(isinstance(row, list) for row in rows)
    return False


_VALUES: dict[str, Callable[[Any], bool]] = {
    **{"json": lambda value: True, "text": _is_text, "markdown": _is_text},
    **{"table": is_table, "file": _is_file, "picture": _is_file},
}
