"""The schedules in Redis: create, find, change, pause and delete them. firing.py does what is due."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from redis import Redis

from taskdesk.jobs.arguments import check
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.damage import DAMAGE
from taskdesk.jobs.errors import FieldError, InvalidArguments, TaskNotFound
from taskdesk.jobs.fields import FOREIGN
from taskdesk.jobs.keys import CODE_SCHEDULES, SCHEDULES, job_key, schedule_key, schedule_slots_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.schedules.definition import Definition, read_definition
from taskdesk.jobs.schedules.errors import (
    ScheduleChanged,
    ScheduleExists,
    ScheduleInCode,
    ScheduleNotFound,
    TooManySchedules,
    UnreadableSchedule,
)
from taskdesk.jobs.schedules.schedule import (
    CODE_PREFIX,
    MADE,
    MAX_ID,
    NEVER,
    Pause,
    Schedule,
    Slot,
    is_schedule_id,
    made_json,
    new_schedule_id,
    read_schedule,
)
from taskdesk.jobs.scripts import DELETE_SCHEDULE, SAVE_SCHEDULE
from taskdesk.jobs.status import status_of
from taskdesk.service import clock

MAX_REASON = 200  # characters
PAUSE_FIELDS = ("paused", "reason")  # which a change may have beside the fields of the definition
MAX_SCHEDULES = 10_000  # beside which no more can be made; those in code are always written


class Schedules:
    def __init__(self, redis: Redis, catalog: CatalogReader, queues: Sequence[str]):
        self._redis = redis
        self._catalog = catalog
        self._queues = queues

    # Find

    def get(self, schedule_id: str) -> Schedule:
        """Raises ScheduleNotFound, UnreadableSchedule."""
        fields = self._redis.hgetall(schedule_key(schedule_id)) if is_schedule_id(schedule_id) else None
        if not fields:
            raise ScheduleNotFound(schedule_id)
        try:
            return read_schedule(schedule_id, fields)
        except DAMAGE:
            raise UnreadableSchedule(schedule_id) from None

    def page(self, offset: int, limit: int) -> tuple[list[Schedule], int]:
        """Return schedules from a place on, the one that is due first at the head, and how many there are.

        One that is damaged is left out.
        """
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zrange(SCHEDULES, offset, offset + limit - 1)
            pipeline.zcard(SCHEDULES)
            ids, count = pipeline.execute()
            for schedule_id in ids:
                pipeline.hgetall(schedule_key(schedule_id.decode()))
            answers = pipeline.execute(raise_on_error=False) if ids else []
        found = []
        for schedule_id, fields in zip(ids, answers, strict=True):
            try:
                found.append(read_schedule(schedule_id.decode(), fields))
            except DAMAGE:
                continue
        return found, count

    def slots(self, schedules: Sequence[Schedule]) -> list[list[Slot]]:
        """Return the last slots of each of these schedules, the latest first, with the statuses of their jobs."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for schedule in schedules:
                pipeline.lrange(schedule_slots_key(schedule.id), 0, -1)
            rows = [
                [_slot(schedule, entry.decode(errors="replace")) for entry in entries]
                for schedule, entries in zip(schedules, pipeline.execute() if schedules else [], strict=True)
            ]
            ran = [slot.job_id for row in rows for slot in row if not slot.skip]
            for job_id in ran:
                pipeline.hmget(job_key(job_id), "status", FOREIGN)
            answers = pipeline.execute(raise_on_error=False) if ran else []
        known = {
            job_id: status_of(answer[0], answer[1])
            for job_id, answer in zip(ran, answers, strict=True)
            if isinstance(answer, list) and answer[0]
        }
        return [[slot._replace(status=known.get(slot.job_id)) for slot in row] for row in rows]

    # Change

    def create(self, values: Mapping[str, Any], *, schedule_id: str = "", owner: str = "") -> Schedule:
        """Create a schedule of definition.FIELDS. Raises InvalidArguments, ScheduleExists, TooManySchedules."""
        if schedule_id and (not is_schedule_id(schedule_id) or schedule_id.startswith(CODE_PREFIX)):
            detail = f"Must be 1 to {MAX_ID} letters, digits, - or _, and can't begin with {CODE_PREFIX}."
            raise InvalidArguments([FieldError("/id", detail)])
        definition, spec = self.checked(values, ("id",))
        schedule_id = schedule_id or new_schedule_id()
        now = clock.now()
        made = made_json(MADE, owner, now_text(), spec.secret_parameters)
        fields = _defined(definition, now) | {"made": made}
        if not save(self._redis, schedule_id, "", definition.timing.next(now), fields, MAX_SCHEDULES):
            raise ScheduleExists(schedule_id)
        return self.get(schedule_id)

    def checked(self, values: Mapping[str, Any], besides: Sequence[str] = ()) -> tuple[Definition, TaskSpec]:
        """Return the definition of a JSON object, checked in full, and its task. Raises InvalidArguments.

        `besides`: other fields that the object might have had; the error for an unknown field names them.
        """
        definition = read_definition(values, clock.now(), self._queues, besides)
        try:
            spec = self._catalog.task(definition.task)
        except TaskNotFound as error:
            raise InvalidArguments([FieldError("/task", str(error))]) from None
        try:
            check(spec, definition.arguments)
        except InvalidArguments as error:
            raise InvalidArguments(
                FieldError(f"/arguments{field.pointer}", _NO_FILE if _is_file(spec, field) else field.detail)
                for field in error.errors
            ) from None
        return definition, spec

    def timed(self, values: Mapping[str, Any]) -> Definition:
        """Return the definition of a JSON object, for its times: its task may be missing. Raises InvalidArguments."""
        return read_definition({**values, "task": values.get("task") or "-"}, clock.now(), self._queues)

    def change(self, schedule_id: str, values: Mapping[str, Any]) -> Schedule:
        """Change these fields. A new time holds from now on. Raises InvalidArguments, ScheduleInCode, as `get`."""
        schedule = self.own(schedule_id)
        definition, spec = self.checked({**schedule.definition.as_values(), **values}, PAUSE_FIELDS)
        now = clock.now()
        fields: dict[str, Any] = {"definition": definition.as_json()}
        if definition.timing != schedule.definition.timing:
            fields |= _defined(definition, now)
        due = None if schedule.pause else definition.timing.next(float(fields.get("settled", schedule.settled)))
        made = made_json(MADE, schedule.owner, schedule.created_at, spec.secret_parameters)
        return self._save_again(schedule, due, fields | {"made": made})

    def pause(self, schedule_id: str, reason: str = "", by: str = "") -> Schedule:
        """Let no slot run until `resume`. Raises InvalidArguments, and as `get`."""
        if len(reason) > MAX_REASON or not (reason.isprintable()):
            detail = f"Must be one line of up to {MAX_REASON} characters."
            raise InvalidArguments([FieldError("/reason", detail)])
        schedule = self.get(schedule_id)
        pause = json.dumps(Pause(reason, by, now_text())._asdict())
        return self._save_again(schedule, None, {"pause": pause})

    def resume(self, schedule_id: str) -> Schedule:
        """Let the slots from now on run. Those of the pause do not count as missed. Raises as `get`."""
        schedule, now = self.get(schedule_id), clock.now()
        if not schedule.pause:
            return schedule
        return self._save_again(schedule, schedule.definition.timing.next(now), {"pause": "", "settled": int(now)})

    def delete(self, schedule_id: str) -> None:
        """Delete a schedule, damaged or not. Its jobs stay. Raises ScheduleNotFound, ScheduleInCode."""
        with suppress(UnreadableSchedule):
            schedule = self.get(schedule_id)
            if schedule.is_code and self._is_declared(schedule):
                raise ScheduleInCode(schedule.id, schedule.definition.task)
            self._redis.hdel(CODE_SCHEDULES, schedule.definition.task)
        DELETE_SCHEDULE(self._redis, schedule_id)

    def own(self, schedule_id: str) -> Schedule:
        """Return a schedule that can be changed here. Raises ScheduleInCode, and as `get`."""
        schedule = self.get(schedule_id)
        if schedule.is_code:
            raise ScheduleInCode(schedule.id, schedule.definition.task)
        return schedule

    def _is_declared(self, schedule: Schedule) -> bool:
        spec = self._catalog.read().tasks.get(schedule.definition.task)
        return bool(spec and spec.schedule)

    def _save_again(self, schedule: Schedule, due: int | None, fields: Mapping[str, Any]) -> Schedule:
        if not save(self._redis, schedule.id, schedule.revision, due, fields):
            raise ScheduleChanged(schedule.id)
        return self.get(schedule.id)


def save(
    redis: Redis, schedule_id: str, revision: str, due: int | None, fields: Mapping[str, Any], most: float = math.inf
) -> bool:
    """Write fields of a schedule; `revision` is empty for a new one. Return False if it has another revision.

    Raises TooManySchedules if there would be more than `most`.
    """
    flat = [part for field in fields.items() for part in field]
    answer = SAVE_SCHEDULE(redis, schedule_id, revision, NEVER if due is None else due, most, *flat)
    if answer < 0:
        raise TooManySchedules(int(most))
    return bool(answer)


def preview(definition: Definition, now: float, count: int = 5) -> list[int]:
    """Return the next slots."""
    return list(islice(definition.timing.after(now), count))


def _defined(definition: Definition, now: float) -> dict[str, Any]:
    return {"definition": definition.as_json(), "settled": int(now)}


def _slot(schedule: Schedule, entry: str) -> Slot:
    slot, _, rest = entry.partition(" ")
    skip, _, detail = rest.partition(" ")
    return Slot(int(slot), "" if skip else schedule.job_id(int(slot)), None, skip, detail)


_NO_FILE = "This is a file, and a schedule can't send one."


def _is_file(spec: TaskSpec, field: FieldError) -> bool:
    return field.pointer.removeprefix("/") in spec.file_parameters
