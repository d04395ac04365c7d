"""Checks at the start. Prod refuses unsafe settings, and names all faults at once, each with what to do.

A Redis that can't be reached is not a fault of the settings: a program starts and waits for it.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError, RedisError, TimeoutError

from taskdesk.service.data_version import refusal_of_data
from taskdesk.service.errors import SettingsError
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_errors import is_passing
from taskdesk.service.redis_rights import explain_missing_right, missing_right, refusal_of_server
from taskdesk.service.sentinel import refusal_of_sentinels
from taskdesk.service.settings import SharedSettings, read_named_file

MIN_REDIS_VERSION = (6, 2)
MIN_SECRET_BYTES, MIN_PASSWORD_BYTES = 32, 12  # a program keeps a secret, a person types a password
REDIS_TIMEOUT_SECONDS = 2.0
SIMILARITY_CUTOFF = 0.88  # of difflib; no two of our own names are this similar
_OF_AMAZON = "AWS_"  # names of other programs, similar to ours
_REQUIRED = ("secret_key", "dashboard_password")
_GUESSABLE = re.compile("change.?me|secret|password|passwort|example|default|taskdesk|admin", re.IGNORECASE)
_MAKE_ONE = "make one: openssl rand -hex 32"


def exit_if_unsafe(settings: SharedSettings) -> None:
    """In prod, end the process with status 2 and a sentence for each unsafe setting, if there is one.

    In dev, only a Redis that can't be used ends it.
    """
    if settings.env != "prod":
        exit_if_redis_denies_access(settings.redis_url.get_secret_value())
    elif problems := find_problems(settings):
        print(SettingsError(problems), file=sys.stderr)
        raise SystemExit(2)


def exit_if_redis_denies_access(url: str) -> None:
    """End the process with status 2 and a sentence if Redis wants another password, if its user lacks a right, if it
    is a cluster, forbids undeclared keys or has no such database, or if its data are of a newer version. A Redis that
    is away or not ready does not.
    """
    try:
        if not (problem := refusal_of_sentinels(url)):
            with _connect(url) as redis:
                redis.ping()
                problem = _refusal(redis)
    except AuthenticationError as error:
        problem = explain_denied_access(error)
    except NoPermissionError as error:
        problem = explain_missing_right(error)
    except (RedisError, OSError) as error:
        problem = "" if is_passing(error) else f"REDIS_URL can't be used: {error}."
    if problem:
        print(problem, file=sys.stderr)
        raise SystemExit(2)


def explain_denied_access(error: AuthenticationError) -> str:
    """Return a sentence that says which password Redis wants, and where to write it."""
    if error.status_code == "NOAUTH":
        return "Redis wants a password, and REDIS_URL has none: write it as redis://:PASSWORD@HOST:6379/0."
    return f"Redis refuses the password in REDIS_URL: {str(error).rstrip('.')}. Use the password in its requirepass."


def find_problems(settings: SharedSettings) -> list[str]:
    """Return a sentence for each unsafe setting."""
    return [
        *_setting_problems(settings),
        *_misspelled_names(settings),
        *_redis_problems(settings.redis_url.get_secret_value()),
        *_process_problems(),
    ]


def readable_secrets(settings: SharedSettings) -> Iterator[str]:
    """Yield a sentence for each file with secrets that every user of this machine can read. Docker's secrets are not
    among them: it makes them readable for all within the container.
    """
    secrets = [name for name, field in type(settings).model_fields.items() if field.annotation is SecretStr]
    file = settings.model_config.get("env_file")
    files: dict[str, Iterable[str]] = {
        os.environ.get("FLASK_CONFIG", ""): [name for name, value in read_named_file().items() if value]
    }
    if isinstance(file, os.PathLike):
        files[os.fspath(file)] = [name for name, value in dotenv_values(file).items() if value]
    for path, names in files.items():
        held = sorted({name.upper() for name in names if name.lower() in secrets})
        if held and os.stat(path).st_mode & stat.S_IROTH:
            yield f"Every user of this machine can read {', '.join(held)} in {path}: chmod 600 {path}"


def _setting_problems(settings: SharedSettings) -> Iterator[str]:
    """Yield the problems of the values. Each program has settings of its own."""
    values: dict[str, Any] = dict(settings)
    for name, value in values.items():
        is_ours = isinstance(value, SecretStr) and name.endswith(("_key", "_password")) and not name.startswith("aws_")
        if is_ours and (value or name in _REQUIRED):
            min_bytes = MIN_PASSWORD_BYTES if name.endswith("_password") else MIN_SECRET_BYTES
            yield from _secret_problems(name.upper(), value.get_secret_value(), min_bytes)
    if values.get("trusted_hosts", True) == ():
        yield "TRUSTED_HOSTS is empty: list the host names of this desk, such as desk.example.org."
    if values.get("auth", True) in ("off", False):
        yield "AUTH is off: everybody who reaches the desk could run tasks. Remove the line, or set AUTH=on."


def _secret_problems(what: str, value: str, min_bytes: int) -> Iterator[str]:
    length = len(value.encode())
    if not value:
        yield f"{what} is missing: {_MAKE_ONE}"
    elif length < min_bytes:
        yield f"{what} has {length} bytes, and needs {min_bytes}: {_MAKE_ONE}"
    elif _GUESSABLE.search(value) or len(set(value)) < min_bytes // 4:
        yield f"{what} can be guessed: {_MAKE_ONE}"


def _misspelled_names(settings: SharedSettings) -> Iterator[str]:
    """Yield a sentence for each name that looks like a misspelled setting of this program."""
    known = [name.upper() for name in type(settings).model_fields]
    file = settings.model_config.get("env_file")
    given = {*os.environ, *(dotenv_values(file) if isinstance(file, os.PathLike) else ()), *read_named_file()}
    for name in sorted({name.upper() for name in given if not name.upper().startswith(_OF_AMAZON)} - {*known}):
        for meant in get_close_matches(name, known, 1, SIMILARITY_CUTOFF):
            yield f"There is no setting {name}. {meant} is probably meant: correct the name, or remove it."


def _redis_problems(url: str) -> Iterator[str]:
    if problem := refusal_of_sentinels(url):
        yield problem
        return
    try:
        with _connect(url) as ours, _connect(url) as stranger:
            options = stranger.connection_pool.connection_kwargs
            yield from _secret_problems("The password in REDIS_URL", options.get("password") or "", MIN_SECRET_BYTES)
            options |= {"username": None, "password": None}
            is_open = _answers(stranger)
            if is_open:
                yield "Redis answers without a password: set its requirepass."
            redis = stranger if is_open else ours
            if problem := _refusal(redis):
                yield problem
            yield from server_problems(redis)
    except AuthenticationError:
        yield "Redis refuses the password in REDIS_URL: use the password in its requirepass."
    except (ConnectionError, TimeoutError):
        return
    except NoPermissionError as error:
        yield explain_missing_right(error)
    except (RedisError, ValueError) as error:
        if not is_passing(error):
            yield f"REDIS_URL can't be used: {error}."


def _refusal(redis: Redis) -> str:
    """Return a sentence if no program can work with this Redis, or not this one; empty if it can."""
    return refusal_of_server(redis) or missing_right(redis) or refusal_of_data(redis)


def _connect(url: str) -> Redis:
    return connect_with_timeout(url, REDIS_TIMEOUT_SECONDS)


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except AuthenticationError:
        return False


def server_problems(redis: Redis) -> Iterator[str]:
    info = {**redis.info("server"), **redis.info("memory"), **redis.info("persistence")}
    version = str(info["redis_version"])
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < MIN_REDIS_VERSION:
        yield f"Redis has version {version}, and {'.'.join(map(str, MIN_REDIS_VERSION))} or newer is needed."
    if not info["aof_enabled"] and not info["loading"]:  # while Redis loads the file, it reports 0
        yield "Redis has no append-only file, and would lose accepted jobs: set its appendonly to yes."
    if info["maxmemory_policy"] != "noeviction":
        yield f"Redis would evict jobs ({info['maxmemory_policy']}): set its maxmemory-policy to noeviction."


def _process_problems() -> Iterator[str]:
    if os.geteuid() == 0:
        yield "The process runs as root: start it as another user. The images use uid 10001."
