"""The login to rq-dashboard: one name and one password (HTTP Basic), which each request brings along."""

from __future__ import annotations

import hmac
from contextlib import suppress

from flask import Flask, Response, g, request
from redis import Redis

from taskdesk.dashboard.settings import DashboardSettings
from taskdesk.service.audit import write_audit
from taskdesk.service.rate_limits import LOGINS, RateLimit, TooManyRequests

MAX_NAME = 64  # characters
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="rq-dashboard", charset="UTF-8"'}


def install(app: Flask, settings: DashboardSettings, redis: Redis) -> None:
    """Ask for the password, if there is one, before anything else looks at the request."""
    if password := settings.dashboard_password.get_secret_value():
        app.before_request(_Login(settings.dashboard_username, password, redis).ask)


class _Login:
    def __init__(self, name: str, password: str, redis: Redis):
        self._name = name
        self._login = f"{name}:{password}".encode()
        self._limit = RateLimit(redis.connection_pool, LOGINS)
        self._known: set[str] = set()  # addresses that gave the right password: others can't lock them out by the name

    def ask(self) -> Response | None:
        """Answer 401 without the right login, and 429 after too many wrong ones."""
        if request.endpoint == "healthz":
            return None
        given, address = request.authorization, request.remote_addr or ""
        if not given or given.username is None:
            return Response("Please log in.", 401, _CHALLENGE)
        name = given.username[:MAX_NAME]
        try:
            self._check(address, name)
        except TooManyRequests as error:
            return Response(str(error), error.status, error.headers)
        if not hmac.compare_digest(f"{given.username}:{given.password}".encode(), self._login):
            return self._refuse(address, name)
        self._known.add(address)
        g.user = self._name
        return None

    def _check(self, address: str, name: str) -> None:
        self._limit.check("dashboard address", address)
        if address not in self._known:
            self._limit.check("dashboard name", name)

    def _refuse(self, address: str, name: str) -> Response:
        write_audit("", "log_in", name, status=401, client=address, request_id=g.request_id)
        for key in (("dashboard address", address), ("dashboard name", name)):
            with suppress(TooManyRequests):  # the next request meets it
                self._limit.count(*key)
        return Response("Wrong username or password.", 401, _CHALLENGE)
