"""The rules for REDIS_URL and REDIS_WAIT. No sentence repeats a part of the URL: any may belong to the password."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import Field
from redis.connection import ConnectionPool, parse_url
from redis.exceptions import RedisError

from taskdesk.service.sentinel import SHAPE, SentinelAddress, is_with_sentinels

# What may follow the `?`, besides `ssl_…`. Taskdesk sets all other options of redis-py, or needs its defaults.
OPTIONS = (
    *("db", "username", "password", "client_name", "health_check_interval"),
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive"),
)
RedisWait = Annotated[
    int,
    Field(
        ge=0,
        le=9,
        description="How many replicas of Redis have to confirm a submit before it is answered with 202, and the "
        "start of a job with `at_most_once` before it begins: see `docs/redis.md`. 0: none.",
    ),
]
_SHAPE = "it has to look like redis://:PASSWORD@HOST:6379/0, rediss://…, unix://… or redis+sentinel://…"
_ENCODE = (
    "percent-encode the password in it: write %23 for #, %25 for %, %2F for /, %3A for :, %3F for ?, %40 for @, "
    "%5B for [, %5D for ]. The password a/b becomes redis://:a%2Fb@HOST:6379/0"
)


def check_redis_url(url: str) -> None:
    """Raise ValueError with what to do, unless redis-py can use this address."""
    if is_with_sentinels(url):
        url = _of_primary(url)
    try:
        parts = urlsplit(url)
        unquote(parts.netloc, errors="strict")
        parse_url(url)
    except ValueError:  # its text may have a part of the password
        raise ValueError(_ENCODE if "@" in url else _SHAPE) from None
    if _is_cut(parts):
        raise ValueError(_ENCODE)
    _check_options(url, parts)


def redis_address(url: str) -> str:
    """Return the address for people: without the password and the options."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _of_primary(url: str) -> str:
    try:
        return SentinelAddress.of(url).server_url
    except ValueError:
        raise ValueError(_ENCODE if "@" in url else f"it has to look like {SHAPE}") from None


def _is_cut(parts: SplitResult) -> bool:
    """Return True if a character of the password has ended the host too early, so that the @ stands behind it."""
    has_option = any(_is_allowed(name) for name, _ in parse_qsl(parts.query))
    is_socket = parts.scheme == "unix" and (not parts.netloc or "@" in parts.netloc)
    return bool(parts.fragment) or ("@" in parts.path and not is_socket) or ("@" in parts.query and not has_option)


def _is_allowed(option: str) -> bool:
    return option in OPTIONS or option.startswith("ssl_")


def _check_options(url: str, parts: SplitResult) -> None:
    if parts.scheme != "unix" and not re.fullmatch("/*[0-9]*/*", parts.path):
        raise ValueError("what follows the host has to be the number of a database, such as /0")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if not _is_allowed(name):
            raise ValueError(f"there is no option {name!r} behind the ?; there are {', '.join(OPTIONS)}, and ssl_…")
    try:
        ConnectionPool.from_url(url).make_connection()  # connects only when it is used
    except (TypeError, ValueError, RedisError):
        raise ValueError("an option behind the ? is unknown to redis-py, or has a value that it can't use") from None
