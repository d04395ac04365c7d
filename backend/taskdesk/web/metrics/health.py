"""Health checks and the version, for load balancers and operators."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of
from typing import Any

from flask import Blueprint

from taskdesk.version import VERSION
from taskdesk.web.access.roles import public
from taskdesk.web.context import desk

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> dict[str, str]:
    """Answer as long as the process is alive."""
    return {"status": "ok"}


@bp.get("/readyz")
@public
def readyz() -> dict[str, Any]:
    """Answer if a job would be accepted; else 503, with what a submit would meet."""
    desk().check_ready()
    return {"status": "ok", "workers_online": len(desk().catalog.read().workers)}


@bp.get("/version")
def version() -> dict[str, str]:
    return {
        "taskdesk": VERSION,
        "python": platform.python_version(),
        "rq": version_of("rq"),
        "flask": version_of("flask"),
    }
