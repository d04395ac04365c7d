"""Schedules as JSON objects, for the API, the pages and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from taskdesk.jobs.arguments import check
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.job import masked
from taskdesk.jobs.rq_time import time_text
from taskdesk.jobs.schedules.definition import Definition, time_of
from taskdesk.jobs.schedules.late import late_among
from taskdesk.jobs.schedules.schedule import Schedule, Slot
from taskdesk.jobs.schedules.skip import why_skipped
from taskdesk.jobs.schedules.store import preview
from taskdesk.jobs.schedules.timing import zone_of
from taskdesk.service import clock

RAN, SKIPPED = "ran", "skipped"  # outcomes of a slot


def schedule_objects(desk: Desk, schedules: Sequence[Schedule]) -> list[dict[str, Any]]:
    rows = desk.schedules.slots(schedules)
    late = late_among(desk.redis, [one.id for one in schedules], clock.now())
    return [
        _schedule_object(desk, one, slots, is_late=one.id in late) for one, slots in zip(schedules, rows, strict=True)
    ]


def _schedule_object(desk: Desk, schedule: Schedule, slots: Sequence[Slot], *, is_late: bool) -> dict[str, Any]:
    now, one = clock.now(), schedule.definition
    spec = desk.catalog.read_or_cached().tasks.get(one.task)
    secrets = schedule.secrets | (spec.secret_parameters if spec else set())
    return {
        "id": schedule.id,
        **one.as_values(),
        "arguments": masked(one.arguments, secrets),
        "origin": schedule.origin,
        "owner": schedule.owner or None,
        "created_at": schedule.created_at,
        "paused": schedule.pause and schedule.pause._asdict(),
        "next_at": time_text(time_of(schedule.next)),
        "next": [] if schedule.pause else preview_objects(one, now),
        "late": is_late,
        "problem": _problem(desk, schedule),
        "slots": [_slot_object(slot) for slot in slots],
    }


def preview_objects(definition: Definition, now: float) -> list[dict[str, Any]]:
    """Return the next slots: in UTC, in the zone of the schedule, and what is special about each."""
    zone = zone_of(definition.zone)
    return [
        {
            "at": time_text(time_of(slot)),
            "local": datetime.fromtimestamp(slot, UTC).astimezone(zone).isoformat(),
            "remark": definition.timing.remark(slot) or None,
        }
        for slot in preview(definition, now)
    ]


def _problem(desk: Desk, schedule: Schedule) -> str | None:
    """Return why the next slot would not run; None if it would."""
    if schedule.held:
        return schedule.held
    spec = desk.catalog.read_or_cached().tasks.get(schedule.definition.task)
    if spec is None:
        return f"No worker announces the task {schedule.definition.task}. The schedule skips its slots until one does."
    try:
        check(spec, schedule.definition.arguments)
    except InvalidArguments as error:
        return f"The task no longer takes these arguments. {error}"
    return None


def _slot_object(slot: Slot) -> dict[str, Any]:
    return {
        "at": time_text(time_of(slot.slot)),
        "outcome": SKIPPED if slot.skip else RAN,
        "job": slot.job_id or None,
        "status": slot.status,
        "reason": why_skipped(slot.skip, slot.detail) if slot.skip else None,
    }
