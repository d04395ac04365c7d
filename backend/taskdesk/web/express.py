"""The short way for the call that comes most: a submit of plain JSON, which Flask's routing, contexts and hooks would
take half as long again to answer.

It takes what it knows whole, and leaves all else to Flask: another path, any header that could mean something, any
query. Every refusal is Flask's, too, so an error looks the same whichever way the request came.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from flask import Flask

from taskdesk.jobs.job import Job
from taskdesk.jobs.representations import job_object
from taskdesk.service.accounts import Identity
from taskdesk.service.hosts import TrustedHosts
from taskdesk.web.access.audit import audit_request
from taskdesk.web.access.identity import Authenticator
from taskdesk.web.access.protection import SAFE_HEADERS
from taskdesk.web.access.rate_limits import WriteLimit
from taskdesk.web.access.roles import access_of, is_allowed
from taskdesk.web.context import WebDesk
from taskdesk.web.forms import JSON_BYTES, json_arguments
from taskdesk.web.links import RETRY_AFTER, job_links
from taskdesk.web.metrics.process_metrics import requests_of
from taskdesk.web.metrics.request_log import request_id_of, write_line

_PATH = re.compile(r"/api/v1/tasks/([0-9A-Za-z_.]+)/jobs")
_ROUTE = "/api/v1/tasks/<name>/jobs"
_OF_PROXIES = ("X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_FORWARDED_PORT", "X_FORWARDED_PREFIX")
_OF_CLIENTS = ("HOST", "USER_AGENT", "ACCEPT", "ACCEPT_ENCODING", "AUTHORIZATION", "CONNECTION", "X_REQUEST_ID")
_HARMLESS = {f"HTTP_{name}" for name in (*_OF_CLIENTS, *_OF_PROXIES)}
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Express:
    """A WSGI application around Flask's."""

    def __init__(self, app: Flask):
        self._app, self._flask = app, app.wsgi_app
        self._desk: WebDesk = app.extensions["desk"]
        self._hosts: TrustedHosts = app.extensions["trusted_hosts"]
        self._authenticator: Authenticator = app.extensions["authenticator"]
        self._access = access_of(app.view_functions["api.create_job"], "POST")
        self._limit: WriteLimit | None = app.extensions.get("write_limit")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        began, task = time.perf_counter(), _task(environ)
        if not task or not self._hosts.trusts(environ.get("HTTP_HOST", "")):
            return self._flask(environ, start_response)
        try:
            user = self._authenticator.by_header(environ)
            if not (user and is_allowed(self._access, user)):
                return self._flask(environ, start_response)
            if self._limit and not self._limit.counts(user, environ):
                return self._flask(environ, start_response)
            request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
            job = self._submit(task, environ, user, request_id)
        except Exception as error:
            return self._refuse(error, environ, start_response)
        return self._accept(job, user, request_id, environ, start_response, began)

    def _submit(self, task: str, environ: dict[str, Any], user: Identity, request_id: str) -> Job:
        spec = self._desk.catalog.task(task)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        return self._desk.submit_for(user.name, request_id, spec, json_arguments(spec, body))

    def _accept(
        self, job: Job, user: Identity, request_id: str, environ: dict[str, Any], start_response: Any, began: float
    ) -> list[bytes]:
        shown = {**job_object(self._desk, job), "links": job_links(job, environ.get("SCRIPT_NAME", ""))}
        body = f"{_encode(shown)}\n".encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Location": shown["links"]["self"],
            **RETRY_AFTER,
            "X-Request-ID": request_id,
        }
        start_response("202 ACCEPTED", [*headers.items(), *SAFE_HEADERS])
        seconds = time.perf_counter() - began
        requests_of("POST", _ROUTE, 202).observe(seconds)
        client = environ.get("REMOTE_ADDR")
        audit_request(user, "create_job", job.id, 202, client, request_id)
        write_line("POST", environ["PATH_INFO"], 202, seconds, client, request_id)
        return [body]

    def _refuse(self, error: Exception, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """As Flask does when one of its views has raised this; its own hooks may answer, or fail, before."""
        with self._app.request_context(environ):
            try:
                refusal = self._app.preprocess_request() or self._app.handle_user_exception(error)
            except Exception as earlier:
                refusal = self._app.handle_user_exception(earlier)
            return self._app.finalize_request(refusal)(environ, start_response)


def _task(environ: dict[str, Any]) -> str:
    """The task of a request that can go the short way, else empty."""
    if environ["REQUEST_METHOD"] != "POST" or environ.get("CONTENT_TYPE") != "application/json":
        return ""
    found = _PATH.fullmatch(environ["PATH_INFO"])
    length = environ.get("CONTENT_LENGTH", "")
    is_plain = (
        length.isdecimal()
        and int(length) <= JSON_BYTES
        and not environ.get("QUERY_STRING")
        and all(key in _HARMLESS for key in environ if key.startswith("HTTP_"))
    )
    return found[1] if found and is_plain else ""
