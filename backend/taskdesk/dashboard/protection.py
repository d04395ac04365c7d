"""Checks of every request: host name, and origin of writes. Every answer gets its id and the security headers."""

from __future__ import annotations

import secrets

from flask import Flask, Response, abort, g, request
from itsdangerous import Signer
from redis import Redis

from taskdesk.dashboard import login
from taskdesk.dashboard.settings import DashboardSettings
from taskdesk.service.hosts import SAFE_METHODS, TrustedHosts, UnknownHost, is_foreign
from taskdesk.service.http.request_log import request_id_of

# rq-dashboard's own scripts send the cookie back as this header.
_COOKIE, _HEADER = "_csrf_token", "X-CSRFToken"
_CSP = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def install(app: Flask, settings: DashboardSettings, redis: Redis) -> None:
    guard = _Guard(settings)
    app.before_request(_begin)
    login.install(app, settings, redis)
    app.before_request(guard.refuse_unknown_host)
    app.before_request(guard.refuse_foreign_writes)
    app.after_request(guard.finish)


def _begin() -> None:
    g.nonce = secrets.token_urlsafe(16)
    g.request_id = request_id_of(request.headers.get("X-Request-ID", ""))


class _Guard:
    def __init__(self, settings: DashboardSettings):
        # Each process makes a new key, so a page that was loaded before a restart has to be reloaded.
        self._signer = Signer(secrets.token_bytes(32), salt="csrf")
        self._has_login = bool(settings.dashboard_password.get_secret_value())
        self._hosts = TrustedHosts((), settings.dashboard_host)

    def refuse_unknown_host(self) -> None:
        """Refuse unknown host names, unless there is a password: a page of another site does not know it."""
        host = request.environ.get("HTTP_HOST", "")
        if not self._has_login and request.endpoint != "healthz" and not self._hosts.trusts(host):
            raise UnknownHost(host, "DASHBOARD_PASSWORD")

    def refuse_foreign_writes(self) -> None:
        if request.method in SAFE_METHODS:
            if request.url_rule and "POST" in (request.url_rule.methods or ()):
                abort(405)  # rq-dashboard would also requeue by GET
            return
        if is_foreign(request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin"), request.host):
            abort(403, "A page of another site can't send this request.")
        token = request.headers.get(_HEADER, "")
        if token != request.cookies.get(_COOKIE) or not self._signer.validate(token):
            abort(403, "This page is too old. Reload it, then repeat.")

    def finish(self, response: Response) -> Response:
        is_page = response.mimetype == "text/html" and response.status_code != 401
        if is_page and not self._signer.validate(request.cookies.get(_COOKIE, "")):
            token = self._signer.sign(secrets.token_urlsafe(16)).decode()
            response.set_cookie(_COOKIE, token, samesite="Strict", secure=request.is_secure)
        response.headers["Content-Security-Policy"] = _CSP.format(nonce=g.get("nonce", ""))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Request-ID"] = g.request_id
        return response
