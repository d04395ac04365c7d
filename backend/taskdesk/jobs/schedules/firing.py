"""Fire the schedules that are due: create the job of each slot, or note why it was skipped.

Any worker may do it, or the web while none is online; several at the same time do each slot once, because the script
(lua/fire.lua) compares what the schedule has settled. A process that dies leaves the rest to the next one. The time is
Redis's, as the tick has read it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from taskdesk.jobs.arguments import check
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.errors import InvalidArguments, TaskNotFound
from taskdesk.jobs.job import Retention
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import SCHEDULES_LOCK, schedule_key
from taskdesk.jobs.schedules.plan import Planned
from taskdesk.jobs.schedules.schedule import NEVER, Schedule, read_schedule
from taskdesk.jobs.schedules.skip import Skip, why_skipped
from taskdesk.jobs.scripts import DELETE_SCHEDULE, FIRE, HOLD_SCHEDULE
from taskdesk.jobs.submission import fields_of_due, no_room, script_arguments
from taskdesk.jobs.submitted_job import own_fields
from taskdesk.service import clock
from taskdesk.service.errors import RedisFull
from taskdesk.service.redis_errors import is_out_of_memory

AGAIN_SECONDS = 15  # after which a slot that could not be settled is looked at again
OTHERS_SECONDS = 60  # for which a schedule that this process can't read is left to the others
AGAIN_DAMAGED_SECONDS = 300
DEPLOY_SECONDS = 300  # for which a slot waits for a task that nobody announces: its worker may be restarting

log = logging.getLogger("schedules")


@dataclass(frozen=True)
class _Call:
    """What a job of the schedule calls, or why it has none."""

    spec: TaskSpec | None
    skip: Skip | None = None
    detail: str = ""


class Firing:
    def __init__(
        self, redis: Redis, jobs: Jobs, catalog: CatalogReader, retention: Retention, max_queued: int | None = None
    ):
        self._redis = redis
        self._jobs = jobs
        self._catalog = catalog
        self._retention = retention
        self._max_queued = max_queued
        self._unreadable: dict[str, float] = {}  # since when this process has failed to read a schedule

    def fire(self, schedule_ids: Sequence[str], now: float, seconds: float) -> bool:
        """Settle the slots of these schedules that are due, for about so many seconds. Return True if more may be due.

        A schedule that can't be read harms no other. Raises RedisError.
        """
        until, fired = time.monotonic() + seconds, 0
        for schedule_id in sorted(schedule_ids, key=self._unreadable.__contains__):  # those that it can read come first
            try:
                self._fire_one(schedule_id, now)
                self._unreadable.pop(schedule_id, None)
                fired += 1
            except RedisError as error:
                if not isinstance(error, ResponseError):
                    raise
                self._leave(schedule_id, now, error)
            except Exception as error:
                self._leave(schedule_id, now, error)
            if time.monotonic() > until:
                break
        return fired > 0

    def run_now(self, schedule: Schedule, owner: str = "", request_id: str = "") -> str:
        """Create a job of the schedule at once, whatever its slots; return its id.

        Raises TaskNotFound, InvalidArguments, NoRoom.
        """
        spec, job_id = self._catalog.task(schedule.definition.task), new_job_id()
        check(spec, schedule.definition.arguments)
        self._make_way(schedule)
        due = int(clock.now()) if schedule.definition.overlap == "queue" else None
        arguments = self._job_arguments(schedule, spec, job_id, due, owner=owner, request_id=request_id)
        answer = self._send(arguments, schedule, "", NEVER, job_id, "", "", "")
        if answer[0] == b"full":
            raise no_room(answer[1], arguments, self._max_queued)
        return job_id

    def _fire_one(self, schedule_id: str, now: float) -> None:
        fields = self._redis.hgetall(schedule_key(schedule_id))
        if not fields:
            DELETE_SCHEDULE(self._redis, schedule_id)
            return
        schedule = read_schedule(schedule_id, fields)
        one = schedule.definition
        planned, after = schedule.plan(now), one.timing.next(now)
        if not planned:  # the rules of its time zone have changed, say
            HOLD_SCHEDULE(self._redis, schedule_id, schedule.revision, "", after or NEVER, "")
            return
        call = self._call(schedule)
        for entry, following in zip(planned, [*(entry.slot for entry in planned[1:]), after], strict=True):
            if not self._settle(schedule, entry, following, call, now):
                return
            schedule = schedule.settled_to(entry.slot)

    def _call(self, schedule: Schedule) -> _Call:
        name = schedule.definition.task
        try:
            spec = self._catalog.task(name)
            check(spec, schedule.definition.arguments)
        except TaskNotFound:
            return _Call(None, Skip.NO_TASK, name)
        except InvalidArguments as error:
            return _Call(None, Skip.ARGUMENTS, str(error)[:200])
        return _Call(spec)

    def _settle(self, schedule: Schedule, entry: Planned, after: int | None, call: _Call, now: float) -> bool:
        """Create the job of a slot, or skip it. Return False if the next slots have to wait."""
        skip, detail = (entry.skip, schedule.held) if entry.skip else (call.skip, call.detail)
        if skip is Skip.NO_TASK and now - entry.slot < DEPLOY_SECONDS:
            return self._hold(schedule, entry.slot, now, skip.sentence.format(detail))
        job_id, arguments = schedule.job_id(entry.slot), []
        if not skip and call.spec:
            self._make_way(schedule)
            due = schedule.due(entry.slot)
            is_later = schedule.definition.overlap == "queue" or due > now
            when = due if is_later else None
            arguments = self._job_arguments(schedule, call.spec, job_id, when, owner=schedule.owner)
        try:
            answer = self._send(arguments, schedule, entry.slot, after or NEVER, job_id, skip or "", detail, "1")
        except RedisFull as full:
            return self._hold(schedule, entry.slot, now, str(full))
        if answer[0] == b"full":
            return self._hold(schedule, entry.slot, now, str(no_room(answer[1], arguments, self._max_queued)))
        if answer[0] == b"skipped":
            reason = why_skipped(*(part.decode() for part in answer[1:]))
            log.warning("schedule %s: %s was skipped: %s", schedule.id, job_id, reason)
        return bool(answer[0] != b"stale")

    def _make_way(self, schedule: Schedule) -> None:
        if schedule.definition.overlap == "cancel" and schedule.jobs:
            self._jobs.cancel(*schedule.jobs)

    def _job_arguments(
        self, schedule: Schedule, spec: TaskSpec, job_id: str, due: int | None, **ours: str
    ) -> list[Any]:
        """Return the arguments of lua/create.lua. With overlap "queue", a limit of RQ lets one job run at a time."""
        one = schedule.definition
        limit = schedule.tag if one.overlap == "queue" else ""
        tags = (*one.tags, schedule.tag)
        common = fields_of_due(spec, self._retention, due, queue=one.queue, tags=tags, limit=limit, **ours)
        return script_arguments(self._max_queued, spec, common, {job_id: own_fields(spec, one.arguments)}, due)

    def _send(self, job: list[Any], schedule: Schedule, *arguments: Any) -> list[Any]:
        """Run the script. Raises RedisFull."""
        *others, waits = arguments
        waits = "1" if waits and schedule.definition.overlap == "skip" else ""
        try:
            answer: list[Any] = FIRE(
                self._redis, schedule.id, schedule.revision, schedule.settled, *others, waits, *job
            )
        except ResponseError as error:
            if is_out_of_memory(error):
                raise RedisFull() from None
            raise
        return answer

    def _hold(self, schedule: Schedule, slot: int, now: float, why: str) -> bool:
        if not schedule.held:
            log.warning("schedule %s: the slot of %s waits: %s", schedule.id, schedule.job_id(slot), why)
        HOLD_SCHEDULE(self._redis, schedule.id, schedule.revision, slot, int(now) + AGAIN_SECONDS, why)
        return False

    def _leave(self, schedule_id: str, now: float, error: Exception) -> None:
        """Leave a schedule that can't be read here to the other processes, which may have a newer version.

        If none of them fires it for a minute, let it wait, so that the other schedules have their turn.
        """
        if schedule_id not in self._unreadable:
            log.error("schedule %s can't be fired here: %r", schedule_id, error)
        if now - self._unreadable.setdefault(schedule_id, now) < OTHERS_SECONDS:
            self._redis.delete(SCHEDULES_LOCK)
            return
        del self._unreadable[schedule_id]
        HOLD_SCHEDULE(self._redis, schedule_id, "", int(now), int(now) + AGAIN_DAMAGED_SECONDS, "")
