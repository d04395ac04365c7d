"""Texts go out compressed, if the client takes that: those that are long enough to gain, and do not hold up others."""

from __future__ import annotations

import gzip
from typing import Any

from flask import Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

MIN_BYTES, MAX_BYTES = 1024, 1_000_000  # bytes; a million take 20 ms, in which nobody else is answered
_LEVEL = 5  # from here on a page gets hardly smaller, and takes longer
_TYPES = {"application/json", "application/problem+json"}


def takes_gzip(environ: dict[str, Any]) -> bool:
    return parse_accept_header(environ.get("HTTP_ACCEPT_ENCODING"), Accept).quality("gzip") > 0


def compress(response: Response, environ: dict[str, Any]) -> None:
    """Compress the body with gzip if that pays and the client accepts it."""
    length = int(response.headers.get("Content-Length", 0))  # a stream has none
    if not MIN_BYTES <= length <= MAX_BYTES or not _is_plain_text(response):
        return
    response.vary.add("Accept-Encoding")
    if takes_gzip(environ):
        response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        tag, _ = response.get_etag()
        if tag:
            response.set_etag(tag, weak=True)  # no longer byte by byte the same


def _is_plain_text(response: Response) -> bool:
    media_type = response.mimetype or ""
    is_text = media_type.startswith("text/") or media_type in _TYPES
    return is_text and not response.direct_passthrough and "Content-Encoding" not in response.headers
