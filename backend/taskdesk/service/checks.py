"""What prod refuses to start with: all of it named at once, in sentences, with what to do. Dev takes everything.

A Redis that can't be reached is no fault of the settings: a process starts, and waits for it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, TimeoutError

from taskdesk.service.errors import SettingsError
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.settings import SharedSettings, read_named_file

MIN_REDIS_VERSION = (6, 2)
MIN_SECRET_BYTES, MIN_PASSWORD_BYTES = 32, 12  # a program keeps a secret, a person types a password
REDIS_TIMEOUT_SECONDS = 2.0
SIMILARITY_CUTOFF = 0.88  # of difflib; no two of our own names are this similar
_REQUIRED = ("secret_key", "dashboard_password")
_DEFAULTS = re.compile("change.?me|secret|password|passwort|example|default|taskdesk|admin", re.IGNORECASE)
_MAKE_ONE = "make one: openssl rand -hex 32"


def exit_if_unsafe(settings: SharedSettings) -> None:
    """In prod, print what is unsafe about these settings, and end the process with status 2.

    In dev, do so with status 3 if Redis wants another password.
    """
    if settings.env != "prod":
        exit_if_redis_denies_access(settings.redis_url.get_secret_value())
    elif problems := find_problems(settings):
        print(SettingsError(problems), file=sys.stderr)
        raise SystemExit(2)


def exit_if_redis_denies_access(url: str) -> None:
    """End the process with status 3 and a sentence if Redis wants another password. A Redis that is away may come."""
    try:
        with _connect(url) as redis:
            redis.ping()
    except AuthenticationError as error:
        print(explain_denied_access(error), file=sys.stderr)
        raise SystemExit(3) from None
    except (RedisError, OSError):
        return


def explain_denied_access(error: AuthenticationError) -> str:
    """Return what to do when Redis does not let us in."""
    if error.status_code == "NOAUTH":
        return "Redis wants a password, and REDIS_URL has none: write it as redis://:PASSWORD@HOST:6379/0."
    return f"Redis refuses the password in REDIS_URL: {str(error).rstrip('.')}. Write Redis's own there (requirepass)."


def find_problems(settings: SharedSettings) -> list[str]:
    """One sentence for each."""
    return [*_own(settings), *_misspelt(settings), *_of_redis(settings.redis_url.get_secret_value()), *_of_process()]


def _own(settings: SharedSettings) -> Iterator[str]:
    """Of the values. Which of them there are depends on the role."""
    values: dict[str, Any] = dict(settings)
    for name, value in values.items():
        if isinstance(value, SecretStr) and name.endswith(("_key", "_password")) and (value or name in _REQUIRED):
            least = MIN_PASSWORD_BYTES if name.endswith("_password") else MIN_SECRET_BYTES
            yield from _of_secret(name.upper(), value.get_secret_value(), least)
    if values.get("trusted_hosts", True) == ():
        yield "TRUSTED_HOSTS is empty: name the hosts that people type to come here, as desk.example.org."
    if values.get("auth", True) in ("off", False):
        yield "AUTH is off: whoever reaches the desk could run tasks. Remove the line, or set AUTH=on."


def _of_secret(what: str, value: str, least: int) -> Iterator[str]:
    length = len(value.encode())
    if not value:
        yield f"{what} is missing: {_MAKE_ONE}"
    elif length < least:
        yield f"{what} has {length} bytes, and needs {least}: {_MAKE_ONE}"
    elif _DEFAULTS.search(value) or len(set(value)) < least // 4:
        yield f"{what} can be guessed: {_MAKE_ONE}"


def _misspelt(settings: SharedSettings) -> Iterator[str]:
    """Names that look like settings of this role, and are none."""
    known = [name.upper() for name in type(settings).model_fields]
    file = settings.model_config.get("env_file")
    given = {*os.environ, *(dotenv_values(file) if isinstance(file, os.PathLike) else ()), *read_named_file()}
    for name in sorted({name.upper() for name in given} - {*known}):
        for meant in get_close_matches(name, known, 1, SIMILARITY_CUTOFF):
            yield f"{name} is no setting: {meant} is. Correct the name, or remove it."


def _of_redis(url: str) -> Iterator[str]:
    try:
        with _connect(url) as known, _connect(url) as stranger:
            options = stranger.connection_pool.connection_kwargs
            yield from _of_secret("The password in REDIS_URL", options.get("password") or "", MIN_SECRET_BYTES)
            options |= {"username": None, "password": None}
            is_open = _answers(stranger)
            if is_open:
                yield "Redis answers without a password: set its requirepass."
            yield from _of_server(stranger if is_open else known)
    except AuthenticationError:
        yield "Redis refuses the password in REDIS_URL: it has to be Redis's own requirepass."
    except (ConnectionError, TimeoutError):
        return
    except (RedisError, ValueError) as error:
        yield f"REDIS_URL can't be used: {error}."


def _connect(url: str) -> Redis:
    return connect_with_timeout(url, REDIS_TIMEOUT_SECONDS)


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except AuthenticationError:
        return False


def _of_server(redis: Redis) -> Iterator[str]:
    info = {**redis.info("server"), **redis.info("memory"), **redis.info("persistence")}
    version = str(info["redis_version"])
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < MIN_REDIS_VERSION:
        yield f"Redis is {version}, and has to be {'.'.join(map(str, MIN_REDIS_VERSION))} or newer."
    if not info["aof_enabled"] and not info["loading"]:  # while it reads the file it says that it has none
        yield "Redis has no append-only file, and would lose accepted jobs: set its appendonly to yes."
    if info["maxmemory_policy"] != "noeviction":
        yield f"Redis evicts ({info['maxmemory_policy']}), jobs, too: set its maxmemory-policy to noeviction."


def _of_process() -> Iterator[str]:
    if os.geteuid() == 0:
        yield "The process runs as root: start it as another user. The images have one, uid 10001."
