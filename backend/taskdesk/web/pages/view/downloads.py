"""A part of a result as a file: a table as CSV, text and JSON as they are."""

from __future__ import annotations

import json
import re

from taskdesk.jobs.representations import Part
from taskdesk.web.pages.view.tables import as_csv


def forms_of(part: Part) -> tuple[str, ...]:
    """The forms in which a part can be downloaded, the usual one first; none for a file, which is one already."""
    return {"table": ("csv", "json"), "json": ("json",), "text": ("txt",), "markdown": ("txt",)}.get(part.kind, ())


def content_of(part: Part, form: str) -> str:
    if form == "csv":
        return as_csv(part.value)
    return str(part.value) if form == "txt" else json.dumps(part.value, ensure_ascii=False, indent=2)


def file_name(part_name: str, form: str) -> str:
    plain = re.sub(r"[^0-9A-Za-z_-]+", "_", part_name).strip("_") or "result"
    return f"{plain}.{form}"
