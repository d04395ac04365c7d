"""Rate limits for logins (brute force) and for writes (`RATE_LIMIT`). The counts are in Redis.

While Redis is away each process counts for itself.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address
from limits import parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from taskdesk.service.accounts import Identity
from taskdesk.service.errors import AppError
from taskdesk.web.access.identity import current_user
from taskdesk.web.access.roles import is_write
from taskdesk.web.context import WebDesk
from taskdesk.web.settings import WebSettings

LOGINS = "10/minute"  # of an address, and with a name
COUNTED = "taskdesk.counted"  # in the environ of a request that has counted already
_PREFIX, _SCOPE = "taskdesk", "global"  # Flask-Limiter's own scope of all routes together


class TooManyRequests(AppError):
    """Too many requests: this client sends more than its share."""

    status = 429

    def __init__(self, seconds: int):
        super().__init__(f"That is too often: try again in {seconds} s.")


class WriteLimit:
    """RATE_LIMIT without Flask, for the short way of a submit (express.py), on the same counts."""

    def __init__(self, storage: Storage, rates: str):
        self._strategy = FixedWindowRateLimiter(storage)
        self._limits = parse_many(rates)

    def counts(self, user: Identity | None, environ: dict[str, Any]) -> bool:
        """Whether the request is within the limit, and has counted. Else it is Flask's; while Redis is away, too."""
        client = _client_of(user, environ.get("REMOTE_ADDR", ""))
        try:
            is_within = self._hit(_PREFIX, client, _SCOPE)
        except RedisError:
            return False
        if is_within:
            environ[COUNTED] = True
        return is_within

    def _hit(self, *key: str) -> bool:
        """Count for all limits. If one refuses, count for no other: Flask counts what it refuses."""
        _, *others = self._limits
        return all(self._strategy.test(limit, *key) for limit in others) and all(
            self._strategy.hit(limit, *key) for limit in self._limits
        )


def install(app: Flask, desk: WebDesk, settings: WebSettings) -> None:
    """After all that may refuse a request: what is refused does not count."""
    if not (settings.auth or settings.rate_limit):
        return
    limiter = Limiter(
        _client,
        app=app,
        application_limits=[settings.rate_limit] if settings.rate_limit else [],
        application_limits_exempt_when=lambda: not is_write() or COUNTED in request.environ,
        storage_uri="redis://",  # the pool knows where
        storage_options={"connection_pool": desk.redis.connection_pool},
        key_prefix=_PREFIX,
        in_memory_fallback_enabled=True,
        swallow_errors=True,
    )
    limiter.logger.addFilter(_in_one_sentence)
    app.register_error_handler(RateLimitExceeded, lambda error: _refuse(limiter))
    if settings.rate_limit:
        app.extensions["write_limit"] = WriteLimit(limiter.storage, settings.rate_limit)
    if settings.auth:
        view: Any = app.view_functions["login.log_in"]
        for whose in (get_remote_address, _name):
            view = limiter.limit(LOGINS, key_func=whose)(view)
        app.view_functions["login.log_in"] = view


def _in_one_sentence(record: logging.LogRecord) -> bool:
    """Log that Redis did not answer without a traceback, as Flask-Limiter does for all requests under way but one."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RedisError | OSError):
        record.msg, record.args, record.exc_info = "A request did not count for its limit: %s", (error,), None
    return True


def _client() -> str:
    return _client_of(current_user(), get_remote_address())


def _client_of(user: Identity | None, address: str) -> str:
    return f"{user.name}/{user.token}" if user and user.name else address


def _name() -> str:
    return f"name {request.form.get('name', '')[:64]}"


def _refuse(limiter: Limiter) -> Response:
    breached = limiter.current_limit
    seconds = max(math.ceil(breached.reset_at - time.time()), 1) if breached else 1
    answer = current_app.make_response(current_app.handle_user_exception(TooManyRequests(seconds)))
    answer.headers["Retry-After"] = str(seconds)
    return answer
