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


def refusal_of_cluster(redis: Redis) -> str:
    """Return a sentence if Redis runs as a cluster: keys of one job would be on several servers."""
    try:
        if not redis.info("cluster").get("cluster_enabled"):
            return ""
    except ResponseError:  # the right to ask is not needed
        return ""
    return "Redis runs in cluster mode, which RQ can't use: take a Redis with `cluster-enabled no`."


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
