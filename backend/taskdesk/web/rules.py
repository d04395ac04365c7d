"""The rules that hold for every request, whether Flask or the fast path for submits handles it.

Both call the same two functions, `admit` and `finish`, so a rule that is added here holds for both.
"""

from __future__ import annotations

import time

from flask import Flask, Response, current_app, g, request
from redis import Redis
from werkzeug.exceptions import RequestEntityTooLarge

from taskdesk.service.hosts import TrustedHosts, UnknownHost
from taskdesk.service.http.request_log import log_request
from taskdesk.service.rate_limits import RateLimit
from taskdesk.web.access.audit import audit
from taskdesk.web.access.auth import admit_user, keep_private
from taskdesk.web.access.identity import Authenticator
from taskdesk.web.access.protection import UnreadableForm, refuse_foreign_write
from taskdesk.web.access.roles import access_of
from taskdesk.web.body_limits import body_limit
from taskdesk.web.compression import compress
from taskdesk.web.errors import set_retry_after
from taskdesk.web.exchange import Exchange
from taskdesk.web.forms import refuse_encoded_body
from taskdesk.web.metrics.process_metrics import requests_of


class Rules:
    """`write_limit` is None if writes have no limit."""

    def __init__(self, hosts: TrustedHosts, authenticator: Authenticator, write_limit: RateLimit | None, redis: Redis):
        self._hosts = hosts
        self._authenticator = authenticator
        self._write_limit = write_limit
        self._redis = redis

    def admit(self, exchange: Exchange) -> None:
        """Find out whose request it is, and whether it may go on; if not, raise the error that answers it."""
        host = exchange.environ.get("HTTP_HOST", "")
        if not self._hosts.trusts(host):
            raise UnknownHost(host)
        refuse_foreign_write(exchange.environ)
        try:
            admit_user(exchange, self._authenticator)
        except (UnreadableForm, RequestEntityTooLarge):  # else such requests would be free
            self._count(exchange)
            raise
        self._count(exchange)  # last: a refused write does not count

    def _count(self, exchange: Exchange) -> None:
        if self._write_limit and exchange.access.writes and exchange.endpoint:
            self._write_limit.count(exchange.counted_as)

    def finish(self, exchange: Exchange, response: Response) -> Response:
        """Complete the answer, and record the request: audit, metrics, log."""
        compress(response, exchange.environ)
        set_retry_after(response)
        if self._authenticator.is_on:
            keep_private(response)
        response.headers.add("X-Request-ID", exchange.request_id)
        audit(exchange, response.status_code, self._redis)
        seconds = time.perf_counter() - exchange.started
        requests_of(exchange.method, exchange.route, response.status_code).observe(seconds)
        log_request(exchange.method, exchange.path, response.status_code, seconds, exchange.client, exchange.request_id)
        return response


def install(app: Flask, rules: Rules) -> None:
    """Let Flask apply the rules to every request that it handles."""
    app.extensions["rules"] = rules

    @app.before_request
    def admit() -> None:
        g.exchange = exchange = _exchange()
        view = current_app.view_functions.get(exchange.endpoint)
        request.max_content_length = body_limit(current_app, view)
        refuse_encoded_body(request)
        rules.admit(exchange)

    @app.after_request
    def finish(response: Response) -> Response:
        return rules.finish(g.exchange, response)


def _exchange() -> Exchange:
    rule = request.url_rule
    view = current_app.view_functions[rule.endpoint] if rule else None
    access = access_of(view, request.method)
    if rule is None:
        return Exchange(request.environ, access)
    return Exchange(request.environ, access, rule.endpoint, rule.rule, request.view_args or {})
