"""A part of a result as a file: a table as CSV, text and JSON as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from taskdesk.jobs.parts import Part
from taskdesk.jobs.previews import LARGE_BYTES
from taskdesk.web.pages.view.tables import as_csv


@dataclass(frozen=True)
class Download:
    """A format in which a part can be downloaded. `write` returns its content, `fits` says which parts have it."""

    label: str
    media_type: str
    write: Callable[[Part], str]
    fits: Callable[[Part], bool]


def _as_csv(part: Part) -> str:
    return as_csv(part.table or {"columns": [], "rows": []})


def _as_json(part: Part) -> str:
    text = json.dumps(part.value, ensure_ascii=False)
    return text if len(text) > LARGE_BYTES else json.dumps(part.value, ensure_ascii=False, indent=2)


def _as_text(part: Part) -> str:
    return str(part.value)


DOWNLOADS = {  # by the ending of the file
    "csv": Download("Download as CSV", "text/csv", _as_csv, lambda part: part.table is not None),
    "json": Download("Download as JSON", "application/json", _as_json, lambda part: part.kind in ("table", "json")),
    "txt": Download("Download as text", "text/plain", _as_text, lambda part: part.kind in ("text", "markdown")),
}


def downloads_of(part: Part) -> dict[str, Download]:
    """Return the downloads of a part, the usual one first; none for a file, which can be downloaded itself."""
    return {ending: download for ending, download in DOWNLOADS.items() if download.fits(part)}


def file_name(part_name: str, ending: str) -> str:
    plain = re.sub(r"[^0-9A-Za-z_-]+", "_", part_name).strip("_") or "result"
    return f"{plain}.{ending}"
