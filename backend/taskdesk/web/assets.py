"""Serve the files of web/static from memory. Each is compressed once, and a browser loads it once.

A script has the modules that it imports in it (scripts.py), and styles have no comments.

Their version, a hash of all files, is a folder in the path, so that the imports inside a script also have it.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, Response, abort, request

from taskdesk.web.access.roles import public
from taskdesk.web.compression import takes_gzip
from taskdesk.web.scripts import join

FOLDER = Path(__file__).with_name("static")
_NOISE = re.compile(rb"/\*.*?\*/\s*|^[ \t]+", re.DOTALL | re.MULTILINE)  # comments and indentation
_FOREVER = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Add the routes for `url_for("static", filename=…)`, and for pages of another version during a deploy."""
    files, version = _files()

    @public
    def send(filename: str, version: str = "") -> Response:
        if filename not in files:
            abort(404)
        return _answer(filename, files[filename], "no-cache" if version else _FOREVER)

    app.add_url_rule(f"/static/{version}/<path:filename>", "static", send)
    app.add_url_rule("/static/<version>/<path:filename>", "static_of_another_version", send)


@cache
def _files() -> tuple[dict[str, bytes], str]:
    """Return the content of each file, and the version of all."""
    files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    scripts = {name: content.decode() for name, content in files.items() if name.endswith(".js")}
    files |= {name: join(name, scripts).encode() for name in scripts}
    files["app.css"] = _NOISE.sub(b"", files["app.css"])
    return files, hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]


def _answer(filename: str, content: bytes, caching: str) -> Response:
    gzipped = takes_gzip(request.environ)
    response = Response(
        _gzip(content) if gzipped else content,
        mimetype=mimetypes.guess_type(filename)[0],
        headers={"Cache-Control": caching, "Vary": "Accept-Encoding"},
    )
    if gzipped:
        response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=100)
def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
