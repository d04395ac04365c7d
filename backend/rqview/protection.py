"""What every request and answer is held to: who may look, what may write, and what a page may run."""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, Response, abort, g, request
from itsdangerous import Signer

from jobkit.hosts import TrustedHosts, UnknownHost, is_foreign
from rqview.settings import DashboardSettings

# rq-dashboard's own scripts send a cookie of this name back as this header.
_COOKIE, _HEADER = "_csrf_token", "X-CSRFToken"
_CSP = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def install(app: Flask, settings: DashboardSettings) -> None:
    # Of this process, and gone with it: there is one. A page of before a restart is told to load again.
    signer = Signer(secrets.token_bytes(32), salt="csrf")
    password = settings.dashboard_password.get_secret_value()
    login = f"{settings.dashboard_username}:{password}".encode()
    hosts = TrustedHosts((), settings.dashboard_host)

    @app.before_request
    def ask_for_login() -> Response | None:
        g.nonce = secrets.token_urlsafe(16)
        if not password or request.endpoint == "healthz":
            return None
        given = request.authorization
        if given and hmac.compare_digest(f"{given.username}:{given.password}".encode(), login):
            g.who = settings.dashboard_username
            return None
        return Response("Please log in.", 401, {"WWW-Authenticate": 'Basic realm="rq-dashboard", charset="UTF-8"'})

    @app.before_request
    def refuse_unknown_host() -> None:
        """A page that has made itself our origin does not know the password: so with one, any name will do."""
        host = request.environ.get("HTTP_HOST", "")
        if not password and request.endpoint != "healthz" and not hosts.trusts(host):
            raise UnknownHost(host, "DASHBOARD_PASSWORD")

    @app.before_request
    def refuse_foreign_writes() -> None:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            if request.url_rule and "POST" in (request.url_rule.methods or ()):
                abort(405)  # rq-dashboard requeues by GET, too
            return
        if is_foreign(request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin"), request.host):
            abort(403, "A page of another site can't send this.")
        token = request.headers.get(_HEADER, "")
        if token != request.cookies.get(_COOKIE) or not signer.validate(token):
            abort(403, "This page is too old. Load it again, then repeat.")

    @app.after_request
    def finish(response: Response) -> Response:
        is_page = response.mimetype == "text/html" and response.status_code != 401
        if is_page and not signer.validate(request.cookies.get(_COOKIE, "")):
            token = signer.sign(secrets.token_urlsafe(16)).decode()
            response.set_cookie(_COOKIE, token, samesite="Strict", secure=request.is_secure)
        response.headers["Content-Security-Policy"] = _CSP.format(nonce=g.get("nonce", ""))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response
