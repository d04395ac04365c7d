"""Sentinels: they say which server is the primary, and promote a replica when that one is lost.

redis-py's connections ask them each time they connect. So whoever reconnects after an error reaches the new primary.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, TimeoutError
from redis.retry import Retry
from redis.sentinel import (
    Sentinel,
    SentinelConnectionPoolProxy,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

SHAPE = (
    "redis+sentinel://:PASSWORD@HOST,HOST,HOST/NAME or rediss+sentinel://…, with the name that the Sentinels give it"
)
OPTIONS = ("sentinel_username", "sentinel_password")
_DEFAULT_PORT = 26379
_LONGEST_SECONDS = 1.0  # for an answer of one Sentinel: the next one is asked after that
_SAME = ("driver_info", "protocol")
_SHARE = 3  # of the time for an answer of Redis, each Sentinel has one part of so many

_ADDRESS = re.compile(
    r"(?P<scheme>rediss?)\+sentinel://(?P<user>[^/?#]*@)?(?P<hosts>[^/?#@]+)/(?P<name>[\w.-]+)(?P<db>/\d*)?/?"
    r"(?:\?(?P<options>[^#]*))?",
    re.ASCII,
)
_HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?", re.ASCII)

Pool = TypeVar("Pool", bound=ConnectionPool)


class SentinelAddress(NamedTuple):
    """An address with Sentinels, taken apart. `server_url` is that of the primary, but for its host."""

    sentinels: list[tuple[str, int]]
    name: str
    server_url: str
    sentinel_options: dict[str, str]

    @classmethod
    def of(cls, url: str) -> SentinelAddress:
        """Raises ValueError, with nothing of the address in its text."""
        found = _ADDRESS.fullmatch(url)
        if not found:
            raise ValueError("no such address")
        options = (found["options"] or "").split("&")
        ours = [option for option in options if option.partition("=")[0] in OPTIONS]
        query = "&".join(option for option in options if option not in ours)
        server_url = f"{found['scheme']}://{found['user'] or ''}PRIMARY{found['db'] or ''}" + (query and f"?{query}")
        named = {name.removeprefix("sentinel_"): value for name, value in parse_qsl("&".join(ours))}
        return cls([_host(one) for one in found["hosts"].split(",")], found["name"], server_url, named)


class _Connection(SentinelManagedConnection):  # type: ignore[misc]  # mypy does not follow redis
    """redis-py's, closed after a time-out, as its others are: else the next command would read the late answer."""

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        return super().read_response(*arguments, **{"disconnect_on_error": True, **options})


class _EncryptedConnection(_Connection, SentinelManagedSSLConnection):  # type: ignore[misc]  # as above
    pass


def is_with_sentinels(url: str) -> bool:
    return url.partition("://")[0] in ("redis+sentinel", "rediss+sentinel")


def pool_with_sentinels(kind: type[Pool], url: str, **options: Any) -> Pool:
    """Return a pool of connections to the primary; the options are as of `from_url`."""
    address = SentinelAddress.of(url)
    options |= parse_url(address.server_url)
    del options["host"]
    is_encrypted = bool(options.pop("connection_class", None))
    managed = _EncryptedConnection if is_encrypted else _Connection
    pool: Pool = kind(connection_class=managed, **options)
    proxy = SentinelConnectionPoolProxy(pool, True, False, address.name, _sentinels(address, is_encrypted, options))
    pool.connection_kwargs["connection_pool"] = proxy
    return pool


def refusal_of_sentinels(url: str) -> str:
    """Return a sentence if the Sentinels refuse us, or if none of those that answer knows the name; else empty."""
    if not is_with_sentinels(url):
        return ""
    address = SentinelAddress.of(url)
    options = parse_url(address.server_url) | {"socket_timeout": _LONGEST_SECONDS * _SHARE}
    known: set[str] = set()
    with closing(_sentinels(address, bool(options.pop("connection_class", None)), options)) as sentinels:
        for one in sentinels.sentinels:
            try:
                known |= one.sentinel_masters().keys()
            except AuthenticationError:
                return (
                    "The Sentinels in REDIS_URL want another password: write it as …/NAME?sentinel_password=PASSWORD."
                )
            except (ConnectionError, TimeoutError, OSError):
                continue
            except RedisError:
                return "REDIS_URL names a server that is no Sentinel. Sentinels have port 26379, as a rule."
    if not known or address.name in known:
        return ""
    return f"No Sentinel in REDIS_URL knows the primary {address.name!r}: they know {', '.join(sorted(known))}."


def _sentinels(address: SentinelAddress, is_encrypted: bool, options: dict[str, Any]) -> Sentinel:
    """Return the Sentinels. They get what the primary gets of TLS, and passwords of their own."""
    seconds = min(_LONGEST_SECONDS, options.get("socket_timeout", _LONGEST_SECONDS) / _SHARE)
    shared = {name: value for name, value in options.items() if name.startswith("ssl_") or name in _SAME}
    return Sentinel(
        address.sentinels,
        sentinel_kwargs={
            **shared,
            **address.sentinel_options,
            **({"ssl": True} if is_encrypted else {}),
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry": Retry(NoBackoff(), 0),
        },
    )


def _host(text: str) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if not found or int(found[2] or 1) not in range(1, 65536):
        raise ValueError("no such host")
    return found[1].strip("[]"), int(found[2] or _DEFAULT_PORT)
