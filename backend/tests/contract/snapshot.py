"""A snapshot of what RQ has in Redis: a flat dictionary, so that two runs can be compared.

    {"rq:job:one": "hash, kept 100 s", "rq:job:one status": "finished", "rq:finished:default one": "in 100 s", …}

Values that differ from run to run are masked. Our own data (`taskdesk:*`, fields `td_*`, a worker's `catalog`) are left
out.
"""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer

ROUNDED_TO = 20  # seconds
MASKED = {
    "execution_id",
    "hostname",
    "ip_address",
    "pid",
    "python_version",
    "total_working_time",
    "version",
    "worker_name",
}
PATTERNS = {
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$": "<time>",
    r"^\d{10}\.\d+$": "<Unix time>",
    r"^rq:worker:.+": "rq:worker:<name>",
    r"^rq:scheduler:.+": "rq:scheduler:<name>",
    r"^(rq:execution:.+):.+": r"\1:<execution>",
}


def snapshot(redis: Redis) -> dict[str, Any]:
    found: dict[str, Any] = {"(jobs by their start)": _jobs_by_start(redis)}
    for key in sorted(redis.scan_iter("rq:*", count=1000)):
        name, kind = _masked(key.decode()), redis.type(key).decode()
        assert name not in found, f"there are two of {name}"
        found[name] = f"{kind}, kept {_rounded(redis.pttl(key) / 1000)}"
        found |= {f"{name} {part}": value for part, value in _READERS[kind](redis, key)}
    return found


def _jobs_by_start(redis: Redis) -> list[str]:
    """Return the ids of the jobs in the order of their start. RQ reads them: a job that it cannot read raises here."""
    ids = [key.decode().removeprefix("rq:job:") for key in redis.scan_iter("rq:job:*") if redis.type(key) == b"hash"]
    jobs = Job.fetch_many(ids, connection=redis, serializer=JSONSerializer)
    return [job.id for job in sorted((job for job in jobs if job.started_at), key=lambda job: job.started_at)]


def _hash(redis: Redis, key: bytes) -> Iterator[tuple[str, Any]]:
    for field, value in _fields(redis.hgetall(key)):
        if not field.startswith("td_") and field != "catalog":
            yield field, value


def _stream(redis: Redis, key: bytes) -> Iterator[tuple[str, Any]]:
    for number, (_, entry) in enumerate(redis.xrange(key)):
        yield from ((f"{number} {field}", value) for field, value in _fields(entry))


def _sorted_set(redis: Redis, key: bytes) -> Iterator[tuple[str, Any]]:
    """The scores are times in the future, or infinity. The member of a started job is its id and its execution's."""
    now = time.time()
    for member, score in redis.zrange(key, 0, -1, withscores=True):
        yield re.sub(":.+", ":<execution>", member.decode()), f"in {_rounded(score - now)}"


def _set(redis: Redis, key: bytes) -> Iterator[tuple[str, Any]]:
    yield "members", sorted(_masked(member.decode()) for member in redis.smembers(key))


def _list(redis: Redis, key: bytes) -> Iterator[tuple[str, Any]]:
    yield "items", [item.decode() for item in redis.lrange(key, 0, -1)]


def _string(redis: Redis, key: bytes) -> Iterator[tuple[str, Any]]:
    yield "value", _masked(redis.get(key).decode())


_READERS = {
    "hash": _hash,
    "stream": _stream,
    "zset": _sorted_set,
    "set": _set,
    "list": _list,
    "string": _string,
}


def _fields(raw: dict[bytes, bytes]) -> Iterator[tuple[str, Any]]:
    return ((field.decode(), _field(field.decode(), value)) for field, value in raw.items())


def _field(name: str, value: bytes) -> Any:
    if name in MASKED:
        return f"<{name}>" if value else ""
    if name == "data":
        return json.loads(zlib.decompress(value) if value[:1] == b"x" else value)
    if name == "exc_string":
        return _last_line(zlib.decompress(b64decode(value)))
    if name == "exc_info":
        return _last_line(zlib.decompress(value))
    if name == "return_value":
        return json.loads(b64decode(value))
    return _masked(value.decode())


def _last_line(traceback: bytes) -> str:
    return traceback.decode().strip().rpartition("\n")[2]


def _masked(text: str) -> str:
    for pattern, mask in PATTERNS.items():
        text = re.sub(pattern, mask, text)
    return text


def _rounded(seconds: float) -> str:
    """Round up, because time has passed since the whole number was set. -0.001 and infinity mean no limit."""
    if seconds in (-0.001, math.inf):
        return "for ever"
    return f"{math.ceil(seconds / ROUNDED_TO) * ROUNDED_TO} s"
