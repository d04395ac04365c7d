"""The meaning of Redis's errors: one table, for redis-py's connections and for those of the worker's child.

Both turn an error into redis-py's exception. redis-py has a class for most codes, and then removes the code from the
message; a code without a class stays the first word. Redis 6 puts the code of a script's error in the middle of a
sentence, and every Redis does so when it discards a transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError, InvalidResponse, RedisError, ResponseError, TimeoutError

from taskdesk.service.errors import AppError, RedisAway, RedisFull

OUT_OF_MEMORY, READ_ONLY = "OOM", "READONLY"

# After these answers, the same call may succeed later: Redis is full, loads its file, runs a long script, or can't
# write to its disk; or another server is the master; or an operator is changing the password.
PASSING = (
    *(OUT_OF_MEMORY, "LOADING", READ_ONLY, "BUSY", "MISCONF", "NOREPLICAS"),
    *("MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOAUTH", "WRONGPASS"),
)
# The same call may succeed on a new connection: with another server, or after a change of the password.
_ELSEWHERE = (READ_ONLY, "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH", "WRONGPASS")
# No answer, or that of a server that is not ready.
_UNREACHED = (ConnectionError, TimeoutError, InvalidResponse, OSError)
_CODE = re.compile(rf"(?:^|-|: )({'|'.join(PASSING)}) ")


def code_of(error: BaseException) -> str:
    """Return the code of PASSING that Redis answered with; empty for any other error."""
    code = getattr(error, "status_code", None)
    if code in PASSING:
        return str(code)
    if not isinstance(error, ResponseError) or code not in (None, "ERR", "EXECABORT"):
        return ""
    answer = str(error).rpartition("of pipeline caused error: ")[2]  # redis-py puts the command before it
    found = _CODE.search(answer)
    return found[1] if found else ""


def is_passing(error: BaseException) -> bool:
    """Return True if the same call may succeed later."""
    return isinstance(error, _UNREACHED) or bool(code_of(error))


def needs_new_connection(error: BaseException) -> bool:
    """Return True if the same call may succeed on a new connection, and not on this one."""
    return isinstance(error, _UNREACHED) or code_of(error) in _ELSEWHERE


def is_out_of_memory(error: BaseException) -> bool:
    return code_of(error) == OUT_OF_MEMORY


def as_app_error(error: RedisError) -> AppError | None:
    """Return the error for the user, or None if the error will not pass: then it is a bug."""
    if is_out_of_memory(error):
        return RedisFull()
    return RedisAway() if is_passing(error) else None


@contextmanager
def app_errors() -> Iterator[None]:
    """Raise the error for the user in place of one of Redis that passes."""
    try:
        yield
    except RedisError as error:
        known = as_app_error(error)
        if known is None:
            raise
        raise known from error
