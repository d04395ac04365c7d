"""Downloads of a result or of one of its parts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from taskdesk.jobs.errors import ArtifactNotFound
from taskdesk.jobs.job import Job
from taskdesk.jobs.parts import result_parts
from taskdesk.jobs.stored_results import is_ready
from taskdesk.web.context import desk
from taskdesk.web.pages.view.downloads import DOWNLOADS, downloads_of, file_name


def add_routes(bp: Blueprint) -> None:
    bp.get(f"/jobs/<job_id>/result.<any({', '.join(DOWNLOADS)}):ending>")(download_part)


def download_part(job_id: str, ending: str) -> Response:
    """Return a part as a file; `?part=` names one of several.

    Raises ArtifactNotFound if there is no such part, or no such download of it.
    """
    job = desk().jobs.get(job_id)
    name = request.args.get("part", "result")
    text = desk().jobs.results.text(job)
    is_as_stored = (ending, name) == ("json", "result") and job.result_kinds in ("json", "table")
    content: bytes | None = text
    if not (is_as_stored and is_ready(job, text)):
        content = desk().jobs.results.read(job, text, _content, name, ending)
    if content is None:
        raise ArtifactNotFound(job_id, f"{name}.{ending}")
    headers = {"Content-Disposition": f'attachment; filename="{file_name(name, ending)}"'}
    return Response(content, headers=headers, content_type=f"{DOWNLOADS[ending].media_type}; charset=utf-8")


def _content(job: Job, value: Any, _size: int, name: str, ending: str) -> bytes | None:
    for part in result_parts(job.result_kinds, value):
        download = downloads_of(part).get(ending)
        if part.name == name and download:
            return download.write(part).encode(errors="replace")
    return None
