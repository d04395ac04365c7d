"""The parts of a result as a page shows them. The page has room for so much; sentences say what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from taskdesk.jobs.artifacts import Artifact, artifact_of
from taskdesk.jobs.parts import FILE_KINDS
from taskdesk.jobs.previews import MAX_CELLS, MAX_CHARACTERS, PartPreview, Preview
from taskdesk.web.pages.view.downloads import Download, downloads_of
from taskdesk.web.pages.view.markdown import beginning, to_html
from taskdesk.web.pages.view.tables import table_view
from taskdesk.web.pages.view.tree import MAX_NODES, tree

MAX_SHOWN_PARTS = 200
MAX_SHOWN_FILES = 200
_MAX_SHORT = 500  # characters
_MAX_LINE = 200
_MAX_TITLE = 200


@dataclass
class Room:
    """The room that is left on the page."""

    cells: int = MAX_CELLS
    nodes: int = MAX_NODES
    markdown: int = MAX_CHARACTERS
    files: int = MAX_SHOWN_FILES


@dataclass(frozen=True)
class ShownPart:
    """A part. `look`: number, picture, file, files, table, markdown, text or json. `content`: what the template shows.

    `is_short`: it is a text that needs no download.
    """

    part: PartPreview
    look: str
    content: Any
    notes: Sequence[str] = ()
    downloads: dict[str, Download] = field(default_factory=dict)
    files: Sequence[Artifact] = ()
    is_short: bool = False

    @property
    def is_line(self) -> bool:
        """Return True if it is a short text in one line, which needs no box."""
        text = self.content
        return self.look == "text" and 0 < len(text.strip()) == len(text) <= _MAX_LINE and "\n" not in text

    @property
    def title(self) -> str:
        return self.part.title[:_MAX_TITLE]


def shown_parts(preview: Preview) -> list[ShownPart]:
    room = Room()
    level = 3 if len(preview.parts) > 1 else 2
    return [_shown(part, room, level) for part in preview.parts[:MAX_SHOWN_PARTS]]


def parts_left_out(preview: Preview) -> int:
    return max(preview.part_count - MAX_SHOWN_PARTS, 0)


def _shown(part: PartPreview, room: Room, level: int) -> ShownPart:
    """`level`: of the heading of the part."""
    if part.kind in FILE_KINDS:
        return ShownPart(part, part.kind, part.value)
    if part.is_number:
        return ShownPart(part, "number", part.value)
    look, content, notes = _content(part, room, level)
    files = part.files[: room.files]
    room.files -= len(files)
    if len(files) < len(part.places):
        notes = [*notes, f"{len(part.places) - len(files):,} more files; the JSON names them."]
    is_short = isinstance(part.value, str) and (part.characters or len(part.value)) <= _MAX_SHORT
    downloads = {} if look == "files" else downloads_of(part)
    return ShownPart(part, look, content, notes, downloads, files, is_short)


def _content(part: PartPreview, room: Room, level: int) -> tuple[str, Any, list[str]]:
    if _is_files(part):
        return "files", None, []
    if part.table:
        view = table_view(part.table, part.shape, room.cells)
        room.cells -= view.cell_count
        return "table", view, view.notes()
    if part.kind == "markdown":
        text = beginning(part.value[: max(room.markdown, 0)])
        room.markdown -= len(text)
        return "markdown", to_html(text, level), _of_text(part, text)
    if part.kind == "text":
        return "text", part.value[:MAX_CHARACTERS], _of_text(part, part.value[:MAX_CHARACTERS])
    node = tree(part.value, part.lengths, room.nodes)
    room.nodes -= node.size()
    return "json", node, []


def _is_files(part: PartPreview) -> bool:
    """Return True for a list or an object of nothing but stored files."""
    if not part.places or not isinstance(part.value, (list, dict)) or len(part.places) != len(part.value):
        return False
    return all(map(artifact_of, part.value.values() if isinstance(part.value, dict) else part.value))


def _of_text(part: PartPreview, shown: str) -> list[str]:
    length = part.characters or len(part.value)
    if len(shown) == length:
        return []
    if not shown:
        return [f"Its {length:,} characters have no room on this page. The download has them."]
    return [f"The first {len(shown):,} of {length:,} characters. The download has all."]
