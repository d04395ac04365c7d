"""Decide which requests are meant for us, by the name in their Host header and by the site that sends them.

A page of another site can make its own host name lead to this machine (DNS rebinding). The browser then takes its
requests for requests of the same origin, and only the name in Host shows the difference.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from taskdesk.service.errors import AppError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # a request with another method is a write
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}  # names that no other site can have
_HOST = re.compile(r"(\[[^\]]+\]|[^:]+)(:\d*)?")


class UnknownHost(AppError):
    """Unknown host: the desk does not answer to this name."""

    status = 421

    def __init__(self, host: str, setting: str = "TRUSTED_HOSTS"):
        super().__init__(f"This desk does not answer to the name {host!r}: the setting {setting} can allow it.")


class TrustedHosts:
    """The host names that we answer to: those in `trusted`, LOOPBACK, and the address that we listen on.

    A name with a leading dot includes all subdomains. If `trusted` is empty and other machines can reach us, any IP
    address and the name of this machine are also trusted.
    """

    def __init__(self, trusted: Collection[str], listens_on: str):
        own = in_url(listens_on)
        self._takes_addresses = not trusted and own not in LOOPBACK
        machine = socket.gethostname()
        names = (*trusted, own, *((machine, f"{machine}.local") if self._takes_addresses else ()))
        self._names = LOOPBACK | {name.lower() for name in names}
        self._endings = tuple(name for name in self._names if name.startswith("."))
        self.trusts = lru_cache(256)(self._trusts)

    def _trusts(self, host: str) -> bool:
        """Return True if a request with this Host header is meant for us."""
        found = _HOST.fullmatch(host.lower())
        name = found[1].rstrip(".") if found else ""
        if name in self._names or f".{name}".endswith(self._endings):
            return True
        return self._takes_addresses and _is_address(name)


def is_foreign(site: str | None, origin: str | None, host: str) -> bool:
    """Return True if the browser says that a page of another site sends the request.

    `site` is the header Sec-Fetch-Site; old browsers have only `origin`. Scripts send neither.
    """
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and urlsplit(origin).netloc != host


def in_url(host: str) -> str:
    """Return the host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name.strip("[]")))
    except ValueError:
        return False
