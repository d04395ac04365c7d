"""One log line per request, with the id that the answer has as `X-Request-ID`."""

from __future__ import annotations

import logging
import random
import re

from taskdesk.service.logs import log_event

_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")
log = logging.getLogger("http")


def request_id_of(given: str) -> str:
    """Return the id that the client or a proxy has given to its request, or a new one."""
    return given if _ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


def log_request(method: str, path: str, status: int, seconds: float, client: str, request_id: str) -> None:
    ms = round(1000 * seconds, 1)
    log_event(log, "request", method=method, path=path, status=status, ms=ms, client=client, request_id=request_id)
