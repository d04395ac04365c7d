"""A part of a result to take away: a table as CSV, text and JSON as they are."""

from __future__ import annotations

import json
import re

from flask import Blueprint, Response, request

from taskdesk.jobs.errors import ArtifactNotFound
from taskdesk.web.context import desk
from taskdesk.web.links import LinkedPart, result_parts
from taskdesk.web.pages.view.tables import as_csv

_TYPES = {"csv": "text/csv", "json": "application/json", "txt": "text/plain"}


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs/<job_id>/result.<any(csv, json, txt):form>")(download_part)


def download_part(job_id: str, form: str) -> Response:
    """`?part=` names one of several. Raises ArtifactNotFound for a part that is not there, or not in this form."""
    job = desk().jobs.get(job_id)
    name = request.args.get("part", "result")
    for part in result_parts(job, desk().jobs.result(job)):
        if part.name == name and form in forms_of(part):
            plain = re.sub(r"[^0-9A-Za-z_-]+", "_", name).strip("_") or "result"
            headers = {"Content-Disposition": f'attachment; filename="{plain}.{form}"'}
            return Response(_content(part, form), headers=headers, content_type=f"{_TYPES[form]}; charset=utf-8")
    raise ArtifactNotFound(job_id, f"{name}.{form}")


def forms_of(part: LinkedPart) -> tuple[str, ...]:
    """The forms that it can be had in, the usual one first; none for a file, which is one already."""
    return {"table": ("csv", "json"), "json": ("json",), "text": ("txt",), "markdown": ("txt",)}.get(part.kind, ())


def _content(part: LinkedPart, form: str) -> str:
    if form == "csv":
        return as_csv(part.value)
    return str(part.value) if form == "txt" else json.dumps(part.value, ensure_ascii=False, indent=2)
