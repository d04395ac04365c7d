"""Which requests a program that listens here takes for its own: by the name in Host, and by where they come from.

A page of another site can give its own name the address of this machine (DNS rebinding): then its requests come from
"the same origin", and nothing but the name in Host tells them from ours.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from taskdesk.service.errors import AppError

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}  # no other site can have these
_HOST = re.compile(r"(\[[^\]]+\]|[^:]+)(:\d*)?")


class UnknownHost(AppError):
    """Unknown host: the desk does not answer to this name."""

    status = 421

    def __init__(self, host: str, setting: str = "TRUSTED_HOSTS"):
        super().__init__(f"This desk does not answer to the name {host!r}: the setting {setting} can allow it.")


class TrustedHosts:
    """The names in `trusted`; one that begins with a dot stands for all that end so, and for itself. Also LOOPBACK, and
    the address that we listen on. If none is given, and others can reach us: any address, and this machine's own name.
    """

    def __init__(self, trusted: Collection[str], listens_on: str):
        own = f"[{listens_on}]" if ":" in listens_on else listens_on
        self._takes_addresses = not trusted and own not in LOOPBACK
        machine = socket.gethostname()
        names = (*trusted, own, *((machine, f"{machine}.local") if self._takes_addresses else ()))
        self._names = LOOPBACK | {name.lower() for name in names}
        self._endings = tuple(name for name in self._names if name.startswith("."))
        self.trusts = lru_cache(256)(self._trusts)

    def _trusts(self, host: str) -> bool:
        """Whether a request with this Host is meant for us."""
        found = _HOST.fullmatch(host.lower())
        name = found[1].rstrip(".") if found else ""
        if name in self._names or f".{name}".endswith(self._endings):
            return True
        return self._takes_addresses and _is_address(name)


def is_foreign(site: str | None, origin: str | None, host: str) -> bool:
    """Whether a browser says that a page of another site sends this: in Sec-Fetch-Site, or in Origin where it has no
    such header. Scripts say neither.
    """
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and urlsplit(origin).netloc != host


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name.strip("[]")))
    except ValueError:
        return False
