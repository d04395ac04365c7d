"""The names that this desk answers to; service/hosts.py says why."""

from __future__ import annotations

from flask import Flask, request

from taskdesk.service.hosts import TrustedHosts, UnknownHost


def install(app: Flask, trusted: TrustedHosts) -> None:
    app.extensions["trusted_hosts"] = trusted

    @app.before_request
    def refuse_unknown_host() -> None:
        host = request.environ.get("HTTP_HOST", "")
        if not trusted.trusts(host):
            raise UnknownHost(host)
