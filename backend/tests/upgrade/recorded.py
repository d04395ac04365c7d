"""The data of a desk as JSON: what a version has written, kept so that later versions show that they can read it.

`python -m tests.upgrade.recorded REDIS_URL > version.json` records a desk.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from redis import Redis


def record(redis: Redis) -> list[dict[str, Any]]:
    """Return each key with its type, value (bytes as base64) and time to live in milliseconds (-1 for none)."""
    keys = sorted(redis.scan_iter(count=1000))
    return [
        {
            "key": _text(key),
            "type": (kind := redis.type(key).decode()),
            "ttl": redis.pttl(key),
            "value": _read(redis, key, kind),
        }
        for key in keys
    ]


def restore(redis: Redis, recorded: list[dict[str, Any]]) -> None:
    """Write what was recorded into an empty Redis. Times to live begin anew."""
    for entry in recorded:
        key = _bytes(entry["key"])
        _WRITERS[entry["type"]](redis, key, entry["value"])
        if entry["ttl"] >= 0:
            redis.pexpire(key, max(entry["ttl"], 1))


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _read(redis: Redis, key: bytes, kind: str) -> Any:
    if kind == "string":
        return _text(redis.get(key))
    if kind == "list":
        return [_text(item) for item in redis.lrange(key, 0, -1)]
    if kind == "set":
        return sorted(_text(item) for item in redis.smembers(key))
    if kind == "zset":
        return [[_text(member), score] for member, score in redis.zrange(key, 0, -1, withscores=True)]
    if kind == "hash":
        return {_text(name): _text(value) for name, value in redis.hgetall(key).items()}
    return [[_text(id_), {_text(n): _text(v) for n, v in fields.items()}] for id_, fields in redis.xrange(key)]


def _write_stream(redis: Redis, key: bytes, value: Any) -> None:
    for entry_id, fields in value:
        redis.xadd(key, {_bytes(name): _bytes(text) for name, text in fields.items()}, id=_bytes(entry_id))


_WRITERS = {
    "string": lambda redis, key, value: redis.set(key, _bytes(value)),
    "list": lambda redis, key, value: redis.rpush(key, *map(_bytes, value)),
    "set": lambda redis, key, value: redis.sadd(key, *map(_bytes, value)),
    "zset": lambda redis, key, value: redis.zadd(key, {_bytes(member): score for member, score in value}),
    "hash": lambda redis, key, value: redis.hset(key, mapping={_bytes(n): _bytes(v) for n, v in value.items()}),
    "stream": _write_stream,
}


if __name__ == "__main__":
    json.dump(record(Redis.from_url(sys.argv[1])), sys.stdout, indent=0)
