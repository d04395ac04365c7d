"""Compress text for clients that accept gzip, if it is long enough to gain and short enough not to delay others."""

from __future__ import annotations

import gzip
from typing import Any

from flask import Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

MIN_BYTES, MAX_BYTES = 1024, 1_000_000  # a million bytes take 20 ms, in which no other request is answered
_LEVEL = 5  # higher levels take longer and make a page hardly smaller
_TYPES = {"application/json", "application/problem+json"}


def takes_gzip(environ: dict[str, Any]) -> bool:
    return parse_accept_header(environ.get("HTTP_ACCEPT_ENCODING"), Accept).quality("gzip") > 0


def compress(response: Response, environ: dict[str, Any]) -> None:
    """Compress the body with gzip if that pays and the client accepts it."""
    length = int(response.headers.get("Content-Length", 0))  # an event stream has none
    if not MIN_BYTES <= length <= MAX_BYTES or not _is_plain_text(response):
        return
    response.vary.add("Accept-Encoding")
    if takes_gzip(environ):
        response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        tag, _ = response.get_etag()
        if tag:
            response.set_etag(tag, weak=True)  # the compressed bytes may differ


def _is_plain_text(response: Response) -> bool:
    media_type = response.mimetype or ""
    is_text = media_type.startswith("text/") or media_type in _TYPES
    return is_text and not response.direct_passthrough and "Content-Encoding" not in response.headers
