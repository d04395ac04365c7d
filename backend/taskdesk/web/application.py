"""The web application: Flask, the rules that hold for every request, and the routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from flask import Flask, Response
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as BaseResponse

from taskdesk.service.hosts import TrustedHosts
from taskdesk.service.http.safe_headers import SAFE_HEADERS
from taskdesk.service.rate_limits import LOGINS, RateLimit
from taskdesk.web import api, assets, classic, errors, pages, rules
from taskdesk.web.access import auth, login, offers, set_password
from taskdesk.web.access.people import CHANGES
from taskdesk.web.access.protection import StrictRequest
from taskdesk.web.context import WebDesk
from taskdesk.web.fast_path import FastPath
from taskdesk.web.metrics import health, metrics
from taskdesk.web.rules import Rules
from taskdesk.web.settings import WebSettings


def create_app(settings: WebSettings) -> Flask:
    """Create the application from `settings` alone. It does not touch Redis before the first request."""
    app = App("taskdesk.web", static_folder=None)
    app.extensions["desk"] = WebDesk(settings)
    _configure(app, settings)
    auth.install(app, settings)
    offers.install(app)
    rules.install(app, _rules(app, settings))
    errors.install(app)
    _add_routes(app, settings)
    app.wsgi_app = FastPath(app)  # type: ignore[method-assign]
    if proxies := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies, proxies, proxies, proxies, proxies)  # type: ignore[method-assign]
    return app


def _configure(app: Flask, settings: WebSettings) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=1_000_000,
        MAX_FORM_PARTS=200,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["dashboard_url"] = settings.dashboard_url
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}


def _add_routes(app: Flask, settings: WebSettings) -> None:
    assets.install(app)
    for bp in (metrics.bp, health.bp, api.bp, pages.bp):
        app.register_blueprint(bp)
    if settings.classic_routes:
        app.register_blueprint(classic.bp)
    if settings.auth:
        app.extensions["login_limit"] = RateLimit(app.extensions["desk"].redis.connection_pool, LOGINS)
        app.extensions["account_limit"] = RateLimit(app.extensions["desk"].redis.connection_pool, CHANGES)
        app.register_blueprint(login.bp)
        app.register_blueprint(set_password.bp)


def _rules(app: Flask, settings: WebSettings) -> Rules:
    redis = app.extensions["desk"].redis
    limit = RateLimit(redis.connection_pool, settings.rate_limit) if settings.rate_limit else None
    hosts = TrustedHosts(settings.trusted_hosts, settings.app_host)
    return Rules(hosts, app.extensions["authenticator"], limit, redis)


class SafeResponse(Response):
    """A response that adds the SAFE_HEADERS that it does not set itself."""

    def set_data(self, value: bytes | str) -> None:
        """Encode a text, also one from Redis that has half a character in it."""
        super().set_data(value.encode(errors="replace") if isinstance(value, str) else value)

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Skip Werkzeug's search for a Location beyond ASCII and for a missing length: here both are right."""
        return super().get_wsgi_headers(environ) if self.status_code in (204, 304) else self.headers

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """Hand over a body of bytes as it is. Werkzeug wraps each body, to call at its end what nobody has set here."""
        body = self.response
        is_plain = type(body) is list and len(body) == 1 and type(body[0]) is bytes and not self._on_close
        if is_plain and environ["REQUEST_METHOD"] != "HEAD" and self.status_code not in (204, 304):
            return cast(Iterable[bytes], body)
        return super().get_app_iter(environ)

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body, status, headers = super().get_wsgi_response(environ)
        given = {name for name, _ in headers}
        return body, status, headers + [header for header in SAFE_HEADERS if header[0] not in given]


class App(Flask):
    """Flask without the work that it does in each request for features which are not used here."""

    def redirect(self, location: str, code: int = 302) -> BaseResponse:
        """Encode the address, which a header can hold only in ASCII."""
        return super().redirect(iri_to_uri(location), code)

    request_class = StrictRequest
    response_class = SafeResponse

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Skip Flask's check, six times in a request, whether a function is a coroutine: none is."""
        return func
