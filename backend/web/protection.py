"""What every request and answer is held to: no writes from other sites, no open-ended bodies, safe headers."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from werkzeug.exceptions import LengthRequired

_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Pico.css draws its arrows and ticks from data: pictures
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Flask) -> None:
    app.before_request(_refuse_foreign_writes)
    app.before_request(_refuse_unknown_length)
    app.after_request(_add_headers)


def _refuse_foreign_writes() -> None:
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        refuse_foreign_request()


def refuse_foreign_request() -> None:
    """A browser says where a request comes from: a page of another site may not write here. Scripts don't say.

    Aborts with 403. A route that writes on a GET has to call it.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in ("same-origin", "none") if site else origin and urlsplit(origin).netloc != request.host
    if foreign:
        abort(403, "A page of another site can't send this.")


def _refuse_unknown_length() -> None:
    """Werkzeug cuts a chunked body at the size limit and goes on; so a body has to say its length."""
    if request.headers.get("Transfer-Encoding"):
        raise LengthRequired("Send the body with a Content-Length, not in chunks.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
