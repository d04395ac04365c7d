"""The rights that our Redis user needs: tried at the start, because without one of them a program would only half work.

docs/operating.md has the complete list, as a line for `ACL SETUSER`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from taskdesk.service.key_prefix import KEY_PREFIX, RQ_KEY_PREFIX

KEYS = (f"{RQ_KEY_PREFIX}:*", f"{KEY_PREFIX}:*", "LIMITS:*")  # the last are the counts of rate limits
CHANNELS = (f"{RQ_KEY_PREFIX}:pubsub:*", f"{KEY_PREFIX}:wake")
# For each kind of value a command that changes nothing, and the one with which a worker waits for jobs.
_NOTHING = f"{RQ_KEY_PREFIX}:nothing"
_KINDS = (
    *(("LREM", _NOTHING, "0", ""), ("SREM", _NOTHING, ""), ("ZREM", _NOTHING, ""), ("HDEL", _NOTHING, "")),
    *(("XDEL", _NOTHING, "0-0"), ("BLMOVE", _NOTHING, _NOTHING, "LEFT", "LEFT", "0.001")),
)
_LIST = 'docs/operating.md, "Rights in Redis", has all of them'
_WORKS = (
    "What works: one Redis (≥ 6.2) or Valkey, alone or with replicas and Sentinel (redis+sentinel://…); Dragonfly with "
    "--default_lua_flags=allow-undeclared-keys."
)
_UNDECLARED = re.compile("undeclared key|non local key")  # Dragonfly's words; those of a cluster that hides it
_COMMAND = re.compile(r"'([\w|-]+)'")


def missing_right(redis: Redis) -> str:
    """Return a sentence that names the first right that the user lacks; empty if there is none.

    Nothing is changed. Raises RedisError if Redis has another reason not to answer.
    """
    for right, command in _trials():
        try:
            redis.execute_command(*command)
        except NoScriptError:
            continue
        except NoPermissionError as error:
            return explain_missing_right(error, right)
    redis.connection_pool.disconnect()  # ends the subscription
    return ""


def line_of_rights() -> str:
    """Return the command that gives a user all rights that Taskdesk needs."""
    patterns = " ".join((*(f"'~{key}'" for key in KEYS), *(f"'&{channel}'" for channel in CHANNELS)))
    return f"ACL SETUSER taskdesk on '>PASSWORD' {patterns} +@all -@admin -@dangerous +info"


def explain_missing_right(error: NoPermissionError, right: str = "to this key or channel") -> str:
    """Return a sentence that names the command that Redis has refused, or else this right."""
    named = _COMMAND.findall(str(error)) if "command" in str(error) else []
    return f"The Redis user in REDIS_URL lacks the right {f'+{named[-1]}' if named else right}: {_LIST}."


def refusal_of_server(redis: Redis) -> str:
    """Return a sentence if this is a kind of server on which no job could run; empty if it is not."""
    try:
        is_cluster = bool(redis.info("cluster").get("cluster_enabled"))
        is_sentinel = "sentinel" in map(redis.info("server").get, ("redis_mode", "server_mode"))  # the last is Valkey's
    except ResponseError:  # the right to ask is not needed
        is_cluster = is_sentinel = False
    if is_cluster:
        return f"Redis runs in cluster mode, which RQ can't use: take a Redis with `cluster-enabled no`. {_WORKS}"
    if is_sentinel:
        return "REDIS_URL names a Sentinel: write it as redis+sentinel://HOST,HOST,HOST/NAME."
    try:
        redis.eval("return redis.call('EXISTS', ARGV[1])", 0, _NOTHING)
    except ResponseError as error:
        if _UNDECLARED.search(str(error)):
            return f"Redis forbids scripts to use keys that are not declared, and those of RQ's jobs can't be. {_WORKS}"
    return ""


def _trials() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield rights, and for each a command that needs it and changes nothing."""
    for pattern in KEYS:
        key = pattern.replace("*", "nothing")
        yield f"~{pattern}", ("EXISTS", key)
        yield f"~{pattern}", ("DEL", key)
    for name, *arguments in _KINDS:
        yield f"+{name.lower()}", (name, *arguments)
    yield "+eval", ("EVAL", "return 0", "0")
    yield "+evalsha", ("EVALSHA", "0" * 40, "0")
    for pattern in CHANNELS:
        yield f"&{pattern}", ("PUBLISH", pattern.replace("*", "nothing"), "")
    yield "+subscribe", ("SUBSCRIBE", CHANNELS[-1])
