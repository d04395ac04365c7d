"""The schedules that tasks declare in code, with `@task(every=…)`: workers write them to Redis, as the catalog says.

If the online workers announce different catalogs, as during a deploy, the newest one that has the task decides. A
pause, and what the schedule has settled, stay when the declaration changes. A schedule is removed when its task is
announced without one; if nobody announces the task, it stays, because its worker may only be restarting. A schedule
that can't be written now keeps no worker from its jobs: the worker's next housekeeping tries again.
"""

from __future__ import annotations

import hashlib
import logging

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.damage import DAMAGE
from taskdesk.jobs.keys import CODE_SCHEDULES, schedule_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.schedules.definition import Definition
from taskdesk.jobs.schedules.schedule import CODE, Schedule, code_id, made_json, read_schedule
from taskdesk.jobs.schedules.store import save
from taskdesk.jobs.scripts import DELETE_SCHEDULE
from taskdesk.service import clock
from taskdesk.service.redis_errors import is_out_of_memory

log = logging.getLogger("schedules")


def sync_code_schedules(redis: Redis, catalog: CatalogReader) -> None:
    """Bring the schedules of tasks to what the catalog says. Any worker may call this, also several at once."""
    tasks = catalog.read(max_age=0).tasks
    known = {name.decode(): digest.decode() for name, digest in redis.hgetall(CODE_SCHEDULES).items()}
    for name, spec in tasks.items():
        if spec.schedule:
            try:
                _bring(redis, name, Definition.of(spec.schedule), known.get(name))
            except DAMAGE as error:  # of a newer worker, say, that knows another time zone
                log.error("the schedule of task %s can't be read here: %r", name, error)
            except ResponseError as error:
                if not is_out_of_memory(error):
                    raise
                log.error("Redis is full: the schedule of task %s is written later", name)
        elif name in known:
            DELETE_SCHEDULE(redis, code_id(name))
            redis.hdel(CODE_SCHEDULES, name)


def _bring(redis: Redis, name: str, definition: Definition, known: str | None) -> None:
    """Write the schedule of a task, if it is missing, or differs from the one with the digest `known`."""
    digest = hashlib.sha256(definition.as_json().encode()).hexdigest()[:16]
    if known != digest or not redis.exists(schedule_key(code_id(name))):
        _put(redis, definition)
        redis.hset(CODE_SCHEDULES, name, digest)


def _put(redis: Redis, definition: Definition) -> None:
    """Write a schedule. If another worker does so at the same time, its write holds."""
    schedule_id, now = code_id(definition.task), clock.sync(redis)
    before = _read(redis, schedule_id)
    is_same_time = before and before.definition.timing == definition.timing
    settled = float(before.settled) if before and is_same_time else now
    due = None if before and before.pause else definition.timing.next(settled)
    fields = {
        "definition": definition.as_json(),
        "settled": int(settled),
        "made": made_json(CODE, "", before.created_at if before else now_text(), set()),
    }
    save(redis, schedule_id, before.revision if before else "", due, fields)


def _read(redis: Redis, schedule_id: str) -> Schedule | None:
    """Return the schedule; None if there is none. One that is damaged is removed."""
    try:
        fields = redis.hgetall(schedule_key(schedule_id))
        return read_schedule(schedule_id, fields) if fields else None
    except DAMAGE:
        DELETE_SCHEDULE(redis, schedule_id)
        return None
