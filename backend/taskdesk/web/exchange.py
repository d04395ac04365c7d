"""A request as the rules see it, with what they record about it. Flask's hooks and the fast path each make one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from flask import g

from taskdesk.service.accounts import Identity
from taskdesk.service.http.request_log import request_id_of
from taskdesk.web.access.roles import Access

_NO_ARGS: Mapping[str, Any] = MappingProxyType({})


class Exchange:
    """`route` is the rule of the URL, for the metrics; `endpoint` is empty if no route fits."""

    __slots__ = (
        "access",
        "endpoint",
        "environ",
        "job_ids",
        "request_id",
        "route",
        "started",
        "subject",
        "user",
        "view_args",
    )

    def __init__(
        self,
        environ: dict[str, Any],
        access: Access,
        endpoint: str = "",
        route: str = "none",
        view_args: Mapping[str, Any] = _NO_ARGS,
    ):
        self.started = time.perf_counter()
        self.environ = environ
        self.access = access
        self.endpoint = endpoint
        self.route = route
        self.view_args = view_args
        self.request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        self.user: Identity | None = None
        self.job_ids: list[str] = []  # of the jobs that it has submitted
        self.subject = ""  # the id of what it has created, if that is no job

    @property
    def method(self) -> str:
        return cast(str, self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        path: str = self.environ["PATH_INFO"]
        return path if path.isascii() else path.encode("latin-1").decode(errors="replace")

    @property
    def client(self) -> str:
        """Address of the client; behind a trusted proxy, the address that the proxy has forwarded."""
        return cast(str, self.environ.get("REMOTE_ADDR", ""))

    @property
    def counted_as(self) -> str:
        """Return the key under which its writes are counted: the user and the token, or else the address."""
        return f"{self.user.name}/{self.user.token}" if self.user and self.user.name else self.client


def user_name() -> str:
    """Return the name of the user of the request that Flask handles; empty without logins."""
    user = current_exchange().user
    return user.name if user else ""


def current_exchange() -> Exchange:
    """Return the exchange of the request that Flask handles."""
    return cast(Exchange, g.exchange)
