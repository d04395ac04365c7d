"""Jobs: list them, follow them, fetch their results, logs and files."""

from __future__ import annotations

import hashlib
import mimetypes
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, json, jsonify, request, send_file

from taskdesk.jobs.errors import ArtifactNotFound, FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.jobs.joblog import read_log
from taskdesk.web.access.auth import login_check
from taskdesk.web.bulk import matching_ids
from taskdesk.web.context import desk
from taskdesk.web.links import RETRY_AFTER, job_object, plain_result, result_parts
from taskdesk.web.query import PAGED, job_filter, once_each, page_limit
from taskdesk.web.streams.waiting import preferred_wait, wait_for_end

_SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}  # not SVG or HTML: they may have scripts


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs")(list_jobs)
    bp.get("/jobs:count")(count_jobs)
    bp.get("/jobs/<job_id>")(show_job)
    bp.get("/jobs/<job_id>/result")(job_result)
    bp.get("/jobs/<job_id>/artifacts/<name>")(job_artifact)
    bp.get("/jobs/<job_id>/events")(job_events)
    bp.get("/jobs/<job_id>/logs")(job_log)


def list_jobs() -> tuple[dict[str, Any], int, dict[str, str]]:
    query = once_each(request.args)
    matching = job_filter(query, besides=PAGED)
    jobs, following = desk().jobs.page(page_limit(query, 50), query.get("cursor"), matching)
    headers = {}
    if following:
        address = f"{request.path}?{urlencode({**query, 'cursor': following})}"
        headers["Link"] = f'<{request.script_root}{address}>; rel="next"'
    return {"data": [job_object(job) for job in jobs], "next_cursor": following}, 200, headers


def count_jobs() -> dict[str, int]:
    """Return how many jobs match: the `expected_count` of a bulk action with this filter."""
    return {"count": len(matching_ids(job_filter(once_each(request.args))))}


def show_job(job_id: str) -> Response:
    """Return the job, or 304 if the client has this version. If the client prefers to wait, wait for the job's end."""
    seconds = preferred_wait(request)
    job = wait_for_end(job_id, seconds) if seconds else desk().jobs.get(job_id)
    shown = job_object(job, whole=True)
    response = jsonify(shown)
    timeless = json.dumps({**shown, "expires_at": None})  # it differs by milliseconds each time
    response.set_etag(hashlib.sha256(timeless.encode()).hexdigest()[:24])
    response.headers["Cache-Control"] = "no-cache"
    if seconds:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    if not job.is_final:
        response.headers.update(RETRY_AFTER)
    response.make_conditional(request)
    return response


def job_log(job_id: str) -> Response:
    """Return what the task printed and logged, from a byte on; a header has the offset of the next byte."""
    offset = request.args.get("offset", "0")
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 16):
        raise InvalidArguments([FieldError("/offset", "This has to be a whole number of bytes, 0 or more.")])
    desk().jobs.get(job_id)
    log = read_log(desk().redis, job_id, int(offset))
    return Response(log.text, content_type="text/plain; charset=utf-8", headers={"Next-Offset": str(log.size)})


def job_result(job_id: str) -> Response:
    """Return the result with its media type."""
    job = desk().jobs.get(job_id)
    value = desk().jobs.result(job)
    if isinstance(job.result_kinds, dict):
        return _json(plain_result(job, value))
    [part] = result_parts(job, value)
    if part.url:
        return _send(job, value)
    if part.kind in ("text", "markdown"):
        return Response(value, content_type=f"text/{'markdown' if part.kind == 'markdown' else 'plain'}; charset=utf-8")
    return _json(value)


def job_artifact(job_id: str, name: str) -> Response:
    job = desk().jobs.get(job_id)
    files = [vars(file) for file in job.uploads.values()]
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
    events = desk().streams.open(job_id, after, request.remote_addr or "", login_check())
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    # with direct_passthrough the server holds the watcher alone, and not the response
    return Response(events, mimetype="text/event-stream", headers=headers, direct_passthrough=True)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


def _send(job: Job, file: dict[str, Any]) -> Response:
    """Return a stored file: a picture is shown, anything else is a download. No script in it runs."""
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
