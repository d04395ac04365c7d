"""Jobs: find them, follow them, fetch what they made."""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, json, request, send_file, url_for

from jobkit.errors import ArtifactNotFound, FieldError, InvalidArguments
from jobkit.jobs import Job
from web.desk import desk
from web.present import job_object, result_parts

MAX_PAGE = 200
_SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}  # never SVG or HTML: they can carry scripts


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs")(list_jobs)
    bp.get("/jobs/<job_id>")(show_job)
    bp.get("/jobs/<job_id>/result")(job_result)
    bp.get("/jobs/<job_id>/artifacts/<name>")(job_artifact)
    bp.get("/jobs/<job_id>/events")(job_events)


def list_jobs() -> tuple[dict[str, Any], int, dict[str, str]]:
    limit = page_limit(50)
    cursor = request.args.get("cursor")
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 16):
        raise InvalidArguments([FieldError("/cursor", "This is no cursor: use the next_cursor of a page.")])
    jobs, following = desk().jobs.page(limit, cursor)
    headers = {}
    if following:
        headers["Link"] = f'<{url_for("api.list_jobs", limit=limit, cursor=following)}>; rel="next"'
    return {"data": [job_object(job) for job in jobs], "next_cursor": following}, 200, headers


def page_limit(default: int) -> int:
    """The query's `limit`, from 1 to MAX_PAGE."""
    text = request.args.get("limit", str(default))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_PAGE):
        raise InvalidArguments([FieldError("/limit", f"This has to be a whole number from 1 to {MAX_PAGE}.")])
    return int(text)


def show_job(job_id: str) -> dict[str, Any]:
    return job_object(desk().jobs.get(job_id), with_result=True)


def job_result(job_id: str) -> Response:
    """The result itself, with its media type."""
    job = desk().jobs.get(job_id)
    value = desk().jobs.result(job)
    if isinstance(job.result_kinds, dict):
        return _json({part.name: part.url or part.value for part in result_parts(job, value)})
    [part] = result_parts(job, value)
    if part.url:
        return _send(job, value)
    if part.kind in ("text", "markdown"):
        return Response(value, content_type=f"text/{'markdown' if part.kind == 'markdown' else 'plain'}; charset=utf-8")
    return _json(value)


def job_artifact(job_id: str, name: str) -> Response:
    job = desk().jobs.get(job_id)
    files = [value for value in (job.input or {}).values() if isinstance(value, dict) and "artifact" in value]
    if job.status == "succeeded":
        files += [part.value for part in result_parts(job, desk().jobs.result(job)) if part.url]
    for file in files:
        if file["artifact"] == name:
            return _send(job, file)
    raise ArtifactNotFound(job_id, name)


def job_events(job_id: str) -> Response:
    after = request.headers.get("Last-Event-ID", "0-0")
    milliseconds, _, number = after.partition("-")
    if not (milliseconds.isdecimal() and number.isdecimal() and max(len(milliseconds), len(number)) < 19):
        after = "0-0"
    events = desk().streams.open(job_id, after, request.remote_addr or "")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    # passed through: the server holds the watcher alone, not the response
    return Response(events, mimetype="text/event-stream", headers=headers, direct_passthrough=True)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


def _send(job: Job, file: dict[str, Any]) -> Response:
    """A stored file. Pictures are shown; all else is a download, in a sandbox."""
    media_type = file["media_type"]
    inline = media_type in _SHOWN_INLINE and not request.args.get("download")
    response = send_file(desk().artifacts.open(job.id, file["artifact"]), mimetype=media_type, max_age=3600)
    filename = file["filename"] or file["artifact"] + (mimetypes.guess_extension(media_type) or "")
    plain = filename.encode("ascii", "replace").decode().translate(dict.fromkeys((*range(32), 34, 92, 127), "_"))
    disposition = "inline" if inline else "attachment"
    response.headers["Content-Disposition"] = f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.content_length = file["size"]
    response.cache_control.public = False
    response.cache_control.private = True
    return response
