"""Downloads of a result or of one of its parts."""

from __future__ import annotations

from flask import Blueprint, Response, request

from taskdesk.jobs.errors import ArtifactNotFound
from taskdesk.web.context import desk
from taskdesk.web.links import result_parts
from taskdesk.web.pages.view.downloads import DOWNLOADS, downloads_of, file_name


def add_routes(bp: Blueprint) -> None:
    bp.get(f"/jobs/<job_id>/result.<any({', '.join(DOWNLOADS)}):ending>")(download_part)


def download_part(job_id: str, ending: str) -> Response:
    """Return a part as a file; `?part=` names one of several.

    Raises ArtifactNotFound if there is no such part, or no such download of it.
    """
    job = desk().jobs.get(job_id)
    name = request.args.get("part", "result")
    for part in result_parts(job, desk().jobs.result(job)):
        download = downloads_of(part).get(ending)
        if part.name == name and download:
            headers = {"Content-Disposition": f'attachment; filename="{file_name(name, ending)}"'}
            media_type = f"{download.media_type}; charset=utf-8"
            return Response(download.write(part), headers=headers, content_type=media_type)
    raise ArtifactNotFound(job_id, f"{name}.{ending}")
