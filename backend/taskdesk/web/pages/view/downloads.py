"""A part of a result as a file: a table as CSV, text and JSON as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taskdesk.jobs.representations import Part
from taskdesk.web.pages.view.tables import as_csv


@dataclass(frozen=True)
class Download:
    """A format in which a part can be downloaded. `write` returns its content, `kinds` are the kinds of parts."""

    label: str
    media_type: str
    write: Callable[[Any], str]
    kinds: tuple[str, ...]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


DOWNLOADS = {  # by the ending of the file
    "csv": Download("Download as CSV", "text/csv", as_csv, ("table",)),
    "json": Download("Download as JSON", "application/json", _as_json, ("table", "json")),
    "txt": Download("Download as text", "text/plain", str, ("text", "markdown")),
}


def downloads_of(part: Part) -> dict[str, Download]:
    """Return the downloads of a part, the usual one first; none for a file, which can be downloaded itself."""
    return {ending: download for ending, download in DOWNLOADS.items() if part.kind in download.kinds}


def file_name(part_name: str, ending: str) -> str:
    plain = re.sub(r"[^0-9A-Za-z_-]+", "_", part_name).strip("_") or "result"
    return f"{plain}.{ending}"
