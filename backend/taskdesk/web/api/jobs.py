"""Jobs: list them, follow them, fetch their results, logs and files."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
from datetime import UTC, datetime
from typing import Any, BinaryIO

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from taskdesk.jobs.artifacts import Artifact, clean_filename, clean_media_type, content_disposition
from taskdesk.jobs.errors import ArtifactGone, ArtifactNotFound, FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.jobs.joblog import plain, read_log
from taskdesk.jobs.parts import TEXT_KINDS, UrlOf, has_parts, linked_result, result_parts
from taskdesk.jobs.stored_results import is_ready
from taskdesk.web.access.auth import login_check
from taskdesk.web.bulk import matching_ids
from taskdesk.web.context import desk
from taskdesk.web.links import RETRY_AFTER, artifact_urls, job_object, page_object
from taskdesk.web.query import PAGED, job_filter, page_limit, single_values
from taskdesk.web.streams.waiting import preferred_wait, wait_for_end

_SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}  # not SVG or HTML: they may have scripts
_OF_STREAMS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs")(list_jobs)
    bp.get("/jobs:count")(count_jobs)
    bp.get("/jobs/<job_id>")(show_job)
    bp.get("/jobs/<job_id>/result")(job_result)
    bp.get("/jobs/<job_id>/artifacts/<name>")(job_artifact)
    bp.get("/jobs/<job_id>/events")(job_events)
    bp.get("/jobs/<job_id>/logs")(job_log)


def list_jobs() -> tuple[dict[str, Any], int, dict[str, str]]:
    query = single_values(request.args)
    matching = job_filter(query, besides=PAGED)
    jobs, following = desk().jobs.page(page_limit(query, 50), query.get("cursor"), matching)
    return page_object([job_object(job) for job in jobs], following, query)


def count_jobs() -> dict[str, int]:
    """Return how many jobs match: the `expected_count` of a bulk action with this filter."""
    return {"count": len(matching_ids(job_filter(single_values(request.args))))}


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
        raise InvalidArguments([FieldError("/offset", "Must be a whole number of bytes, 0 or more.")])
    desk().jobs.get(job_id)
    log = read_log(desk().redis, job_id, int(offset))
    return Response(plain(log.text), content_type="text/plain; charset=utf-8", headers={"Next-Offset": str(log.size)})


def job_result(job_id: str) -> Response:
    """Return the result with its media type."""
    job = desk().jobs.get(job_id)
    results = desk().jobs.results
    text = results.text(job)
    if is_ready(job, text) and job.result_kinds not in TEXT_KINDS:
        return Response(text, content_type="application/json")
    content, media_type = results.read(job, text, _content, artifact_urls(job, request.script_root))
    return _send(job, content) if isinstance(content, Artifact) else Response(content, content_type=media_type)


def _content(job: Job, value: Any, _size: int, url_of: UrlOf) -> tuple[bytes | Artifact, str]:
    """Return the content of a result, or the file that it is, and its media type."""
    kinds = job.result_kinds
    part = result_parts(kinds, value)[0] if not has_parts(kinds, value) else None
    if part and part.file:
        return part.file, part.file.media_type
    if part and part.kind in TEXT_KINDS:
        return value.encode(errors="replace"), f"text/{'plain' if part.kind == 'text' else part.kind}; charset=utf-8"
    return json.dumps(linked_result(kinds, value, url_of)).encode(), "application/json"


def job_artifact(job_id: str, name: str) -> Response:
    job = desk().job(job_id)
    for file in desk().files_of(job):
        if file.artifact == name:
            return _send(job, file)
    raise ArtifactNotFound(job_id, name)


def job_events(job_id: str) -> Response:
    if request.method == "HEAD":
        desk().jobs.get(job_id)
        return Response(mimetype="text/event-stream", headers=_OF_STREAMS)
    after = request.headers.get("Last-Event-ID", "0-0")
    milliseconds, _, number = after.partition("-")
    if not (milliseconds.isdecimal() and number.isdecimal() and max(len(milliseconds), len(number)) < 19):
        after = "0-0"
    events = desk().streams.open(job_id, after, request.remote_addr or "", login_check())
    # with direct_passthrough the server holds the watcher alone, and not the response
    return Response(events, mimetype="text/event-stream", headers=_OF_STREAMS, direct_passthrough=True)


def _send(job: Job, file: Artifact) -> Response:
    """Return a stored file, or the range that the client asks for: a picture is shown, anything else is a download.

    From a bucket, anything but a picture is downloaded by a link, which says that it is a download.
    No script in it runs. Its length is that of the stored file: what Redis says of it may be wrong.
    """
    media_type = clean_media_type(file.media_type)
    is_picture = media_type in _SHOWN_INLINE
    if not is_picture and (address := _link(job, file)):
        return Response(status=307, headers={"Location": address, "Cache-Control": "no-store"})
    content = _open(job, file)
    response = Response(wrap_file(request.environ, content), content_type=media_type, direct_passthrough=True)
    status = os.fstat(content.fileno())
    response.content_length = status.st_size
    response.last_modified = datetime.fromtimestamp(status.st_mtime, UTC)
    response.set_etag(f"{status.st_mtime_ns:x}-{status.st_size:x}")
    is_shown = is_picture and not request.args.get("download")
    name = clean_filename(file.filename) or file.artifact + (mimetypes.guess_extension(media_type) or "")
    response.headers["Content-Disposition"] = content_disposition("inline" if is_shown else "attachment", name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=3600"
    try:
        response.make_conditional(
            _without_other_ranges(request.environ), accept_ranges=True, complete_length=status.st_size
        )
    except RequestedRangeNotSatisfiable:
        content.close()
        raise
    if response.status_code == 304 or request.method == "HEAD":  # the server never sees the body, to close it
        content.close()
    return response


def _without_other_ranges(environ: dict[str, Any]) -> dict[str, Any]:
    """Leave out a `Range` of several parts, and one that is not in bytes: the answer is the whole file (RFC 9110)."""
    ranges = environ.get("HTTP_RANGE", "")
    is_one = ranges.lower().startswith("bytes=") and "," not in ranges
    return {name: value for name, value in environ.items() if is_one or name != "HTTP_RANGE"}


def _link(job: Job, file: Artifact) -> str:
    method = "HEAD" if request.method == "HEAD" else "GET"
    try:
        return desk().artifacts.link(job.id, file.artifact, method)
    except ArtifactNotFound:
        raise ArtifactGone(job.id, file.filename) from None


def _open(job: Job, file: Artifact) -> BinaryIO:
    try:
        return desk().artifacts.open(job.id, file.artifact)
    except ArtifactNotFound:
        raise ArtifactGone(job.id, file.filename) from None
