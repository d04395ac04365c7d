"""Downloads of a result or of one of its parts."""

from __future__ import annotations

from flask import Blueprint, Response, request

from taskdesk.jobs.errors import ArtifactNotFound
from taskdesk.web.context import desk
from taskdesk.web.links import result_parts
from taskdesk.web.pages.view.downloads import content_of, file_name, forms_of

_MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "txt": "text/plain"}


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs/<job_id>/result.<any(csv, json, txt):form>")(download_part)


def download_part(job_id: str, form: str) -> Response:
    """`?part=` names one of several. Raises ArtifactNotFound if the part does not exist or not in this form."""
    job = desk().jobs.get(job_id)
    name = request.args.get("part", "result")
    for part in result_parts(job, desk().jobs.result(job)):
        if part.name == name and form in forms_of(part):
            headers = {"Content-Disposition": f'attachment; filename="{file_name(name, form)}"'}
            media_type = f"{_MEDIA_TYPES[form]}; charset=utf-8"
            return Response(content_of(part, form), headers=headers, content_type=media_type)
    raise ArtifactNotFound(job_id, f"{name}.{form}")
