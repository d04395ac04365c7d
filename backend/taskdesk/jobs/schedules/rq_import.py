"""Read the schedules of rq-scheduler and of `rq cron` from Redis, to make ours of them. Nothing of theirs is changed.

rq-scheduler stores pickles, which are never loaded: the call is read from the description of the job, and the times
from the words and numbers in its pickle. `rq cron` describes its jobs as JSON while it is running.
"""

from __future__ import annotations

import ast
import json
import pickletools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from redis import Redis

from taskdesk.jobs.catalog import Announced
from taskdesk.jobs.damage import DAMAGE
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.jobs.keys import RQ_CRON_SCHEDULERS, RQ_SCHEDULER_JOBS, job_key, rq_cron_scheduler_key
from taskdesk.jobs.schedules.definition import duration_text
from taskdesk.jobs.stored_call import read_call

_STRUCTURE = {"PROTO", "FRAME", "EMPTY_DICT", "MEMOIZE", "BINPUT", "MARK", "SETITEM", "SETITEMS", "STOP"}
_ATOMS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {"SHORT_BINUNICODE", "BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_NO_CALL = "its call can't be read: its data is a pickle, and its description is not the call with plain values"


@dataclass(frozen=True)
class Found:
    """A schedule of RQ's: our id for it, its name for people, and our fields, or why it can't be imported."""

    id: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def find(redis: Redis, announced: Announced, zone: str) -> Iterator[Found]:
    """Yield the schedules of rq-scheduler and `rq cron`. `zone`: that of the clock by which their cron strings go."""
    for job_id, due in redis.zrange(RQ_SCHEDULER_JOBS, 0, -1, withscores=True):
        name = job_id.decode(errors="replace")
        yield _read(f"rq-{name}", f"rq-scheduler: {name}", partial(_of_scheduler, redis, name, due, announced, zone))
    for scheduler in redis.zrange(RQ_CRON_SCHEDULERS, 0, -1):
        stored = redis.hget(rq_cron_scheduler_key(scheduler.decode(errors="replace")), "cron_jobs")
        for job in json.loads(stored or b"[]"):
            name = str(job.get("name") or job.get("func_name"))
            mark = zlib.crc32(json.dumps([job.get(key) for key in _CRON_KEYS]).encode())
            yield _read(f"rq-cron-{mark:08x}", f"rq cron: {name}", partial(_of_cron, job, announced, zone))


_CRON_KEYS = ("func_name", "queue_name", "args", "kwargs", "interval", "cron")


def _read(schedule_id: str, name: str, read: Callable[[], dict[str, Any]]) -> Found:
    try:
        return Found(schedule_id, name, read())
    except TaskNotFound as error:
        return Found(schedule_id, name, fault=str(error))
    except DAMAGE as error:
        return Found(schedule_id, name, fault=f"{error}")


def _of_scheduler(redis: Redis, job_id: str, due: float, announced: Announced, zone: str) -> dict[str, Any]:
    data, description, meta, queue = redis.hmget(job_key(job_id), "data", "description", "meta", "origin")
    if data is None:
        raise ValueError("its job is gone")
    times = _plain_dict(meta or b"")
    if times.get("repeat") is not None:
        raise ValueError(f"it repeats {times['repeat']} times only, and a schedule goes on: give it an end")
    cron, seconds = times.get("cron_string"), times.get("interval")
    if not cron and not seconds:
        raise ValueError("it runs once: submit a job with a start time (--at) instead")
    function, positional, named = _call(data, (description or b"").decode())
    values = _values(announced, function, positional, named, (queue or b"default").decode())
    if cron:
        return {**values, "every": cron, "zone": zone if times.get("use_local_timezone") else "UTC"}
    start = datetime.fromtimestamp(int(due), UTC).isoformat()
    return {**values, "every": duration_text(int(seconds or 0)), "start": start}


def _of_cron(job: dict[str, Any], announced: Announced, zone: str) -> dict[str, Any]:
    positional, named = json.loads(job.get("args") or "[]"), json.loads(job.get("kwargs") or "{}")
    values = _values(announced, job["func_name"], positional, named, job["queue_name"])
    if job.get("cron"):
        return {**values, "every": job["cron"], "zone": zone}
    return {**values, "every": duration_text(int(job["interval"]))}


def _values(announced: Announced, function: str, positional: Any, named: Any, queue: str) -> dict[str, Any]:
    spec = announced.task(function)
    arguments = spec.named(positional, named)
    return {"task": spec.name, "arguments": arguments, "queue": None if queue == spec.queue else queue}


def _call(data: bytes, description: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return function and arguments. Raises ValueError if they can't be read."""
    stored = read_call(data)
    if stored.named is not None:
        return stored.reference, list(stored.positional), stored.named
    try:
        call = ast.parse(description, mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError
        positional = [ast.literal_eval(one) for one in call.args]
        named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords if one.arg}
        return ast.unparse(call.func), positional, named
    except (ValueError, SyntaxError):
        raise ValueError(_NO_CALL) from None


def _plain_dict(stored: bytes) -> dict[Any, Any]:
    """Return a flat dict of JSON, or of a pickle of words and numbers: its parts are read one by one, and never run."""
    if stored[:1] != b"\x80":
        return dict(json.loads(stored or b"{}"))
    parts = []
    for code, value, _ in pickletools.genops(stored):
        if code.name in _VALUES or code.name in _ATOMS:
            parts.append(_ATOMS.get(code.name, value))
        elif code.name not in _STRUCTURE:
            raise ValueError("its times can't be read: its meta is a pickle of more than words and numbers")
    return dict(zip(parts[::2], parts[1::2], strict=True))
