"""What a schedule says: which task runs when, with what, and what happens to slots that can't run in time.

FIELDS is the one list of its fields: the API, the page, the command line, the import and `@task` all read them here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

from taskdesk.jobs.arguments import MAX_TAGS, check_tags
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.parsing import read_duration, read_moment
from taskdesk.jobs.rq_time import time_text
from taskdesk.jobs.schedules.plan import MISSED
from taskdesk.jobs.schedules.timing import DAY, Timing
from taskdesk.jobs.schema_rules import sentence

OVERLAPS = ("skip", "queue", "cancel")  # what happens if a job of the schedule has not ended at the next slot
MAX_CRON = 200  # characters
LEAST_SECONDS, MOST_SECONDS = 10, 366 * DAY  # between two slots
MAX_JITTER, MAX_MISSED_WITHIN = DAY, 31 * DAY
MAX_OWN_TAGS = MAX_TAGS - 1  # each job also has the tag of its schedule
_YEARS = range(1970, 2100)
_CRON_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_BAD_CRON = (
    "Must be a cron string of five fields (minute, hour, day of the month, month, day of the week), such as "
    "15 6 * * 1-5, or a duration, such as 10m."
)


@dataclass(frozen=True)
class Definition:
    """`every`: a cron string or a duration. `start`, `end`: Unix times of the first slot and after the last one.

    `jitter`: a job starts up to so many seconds after its slot. `missed`: which slots run later if they are over, but
    not older than `missed_within` seconds. `queue`: None for the queue of the task.
    """

    task: str
    every: str
    zone: str = "UTC"
    start: int | None = None
    end: int | None = None
    jitter: int = 0
    missed: str = "latest"
    missed_within: int = DAY
    overlap: str = "skip"
    arguments: dict[str, Any] = field(default_factory=dict)
    queue: str | None = None
    tags: tuple[str, ...] = ()

    @cached_property
    def timing(self) -> Timing:
        seconds = seconds_of(self.every)
        cron = "" if seconds else self.every
        return Timing(cron, seconds, self.zone, self.start, self.end)

    def as_values(self) -> dict[str, Any]:
        """Return the JSON object that `read_definition` reads."""
        times = {name: time_text(time_of(getattr(self, name))) for name in ("start", "end")}
        return {**{name: getattr(self, name) for name in FIELDS}, **times, "tags": list(self.tags)}

    def as_json(self) -> str:
        return json.dumps(self.as_values())

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Definition:
        """Return what `as_values` has returned, without what a newer version has added. Raises an error of DAMAGE."""
        known = {name: value for name, value in values.items() if name in FIELDS}
        times = {name: known.get(name) and _moment(known[name]) for name in ("start", "end")}
        definition = cls(**{**known, **times, "tags": tuple(known["tags"])})
        definition.timing.check()
        return definition


def read_definition(
    values: Mapping[str, Any], now: float, queues: Sequence[str], besides: Sequence[str] = ()
) -> Definition:
    """Return the definition of a JSON object, checked but for the task and its arguments. Raises InvalidArguments."""
    unknown = f"There is no such field. Use one of: {', '.join((*FIELDS, *besides))}."
    errors = [FieldError(f"/{name}", unknown) for name in values if name not in FIELDS]
    missing = [name for name, one in FIELDS.items() if one.is_required and values.get(name) in (None, "")]
    errors += [FieldError(f"/{name}", "Required.") for name in missing]
    found = {}
    for name, value in values.items():
        if name in FIELDS and name not in missing and value is not None:
            try:
                found[name] = FIELDS[name].read(value)
            except ValueError as error:
                errors.append(FieldError(f"/{name}", str(error)))
    if found.get("queue") and found["queue"] not in queues:
        errors.append(
            FieldError("/queue", f"There is no queue {found['queue']!r}. Choose one of: {', '.join(queues)}.")
        )
    if not errors:
        errors += _faults_of_times(definition := Definition(**found), now)
    if errors:
        raise InvalidArguments(errors)
    return definition


def _faults_of_times(one: Definition, now: float) -> list[FieldError]:
    if one.start is not None and one.end is not None and one.end <= one.start:
        return [FieldError("/end", "Must be after the start.")]
    if Timing(one.timing.cron, one.timing.seconds, one.zone).next(now) is None:
        return [FieldError("/every", "No date matches this within 50 years. Choose days that exist.")]
    if one.timing.next(now) is None:
        return [FieldError("/end", "No slot lies between now and this end. Choose a later one.")]
    return []


def seconds_of(every: str) -> int:
    """Return the interval, 0 for a cron string."""
    try:
        return int(read_duration(every).total_seconds())
    except ValueError:
        return 0


def duration_text(seconds: int) -> str:
    """Return a duration as it is written: "90s", "10m", "1h", "3d"."""
    units = ((DAY, "d"), (3600, "h"), (60, "m"), (1, "s"))
    size, unit = next((size, unit) for size, unit in units if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _every(value: Any) -> str:
    text = " ".join(_text(value, MAX_CRON).split())
    if seconds := seconds_of(text):
        if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
            raise ValueError(f"An interval has to be {LEAST_SECONDS}s to {MOST_SECONDS // DAY}d.")
        return text
    if len(text.split()) != len(_CRON_FIELDS) or not text.isascii():
        raise ValueError(_BAD_CRON)
    try:
        CronSim(text, datetime(2000, 1, 1))
    except (CronSimError, AssertionError, ValueError) as error:
        bad = next((name for name in _CRON_FIELDS if name in str(error)), "")
        if bad == "day-of-month" and _is_cron(text.split()[2]):
            raise ValueError("No month has this day. Choose days that exist.") from None
        raise ValueError(f"{_BAD_CRON} The {bad.replace('-', ' ')} is wrong." if bad else _BAD_CRON) from None
    return text


def _is_cron(day: str) -> bool:
    """Return True if this is right as the day of some month."""
    try:
        CronSim(f"0 0 {day} 1 *", datetime(2000, 1, 1))
    except (CronSimError, AssertionError, ValueError):
        return False
    return True


def _zone(value: Any) -> str:
    name = _text(value, 100)
    if name not in zones():
        raise ValueError("Must be the name of a time zone, such as Europe/Berlin or UTC.")
    return name


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Return the names of all time zones that mean the same on each machine."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def _moment(value: Any) -> int:
    moment = read_moment(value)
    if moment.year not in _YEARS:
        raise ValueError(f"Must be in the years {_YEARS[0]} to {_YEARS[-1]}.")
    return int(moment.timestamp())


def _duration(most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, str):
            value = int(read_duration(value).total_seconds())
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"Must be a whole number of seconds from 0 to {most:,}, or a duration such as 10m.")
        return value

    return read


def _choice(choices: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(sentence("enum", list(choices)))
        return str(value)

    return read


def _text(value: Any, most: int = 200) -> str:
    if not isinstance(value, str):
        raise ValueError(sentence("type", "string"))
    if len(value) > most:
        raise ValueError(sentence("maxLength", most))
    return value


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise ValueError("Must be a list of texts.")
    if len(value) > MAX_OWN_TAGS:
        raise ValueError(f"A schedule may have {MAX_OWN_TAGS} tags.")
    try:
        return check_tags(value)
    except InvalidArguments as error:
        raise ValueError(error.errors[0].detail) from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(sentence("type", "object"))
    return value


class Field(NamedTuple):
    read: Callable[[Any], Any]  # raises ValueError, with a sentence
    help: str
    is_required: bool = False


FIELDS: dict[str, Field] = {
    "task": Field(_text, "Name of the task.", is_required=True),
    "every": Field(_every, "A cron string, such as 15 6 * * 1-5, or a duration, such as 10m.", is_required=True),
    "zone": Field(_zone, "Time zone of the cron string, such as Europe/Berlin."),
    "start": Field(_moment, "No job before this time."),
    "end": Field(_moment, "No job from this time on."),
    "jitter": Field(_duration(MAX_JITTER), "Each job starts up to so many seconds after its slot."),
    "missed": Field(_choice(MISSED), "Which slots run later, if nothing could run them in time."),
    "missed_within": Field(_duration(MAX_MISSED_WITHIN), "Slots that are over for longer never run."),
    "overlap": Field(_choice(OVERLAPS), "What happens if a job of the schedule has not ended at the next slot."),
    "arguments": Field(_object, "Arguments of the task."),
    "queue": Field(_text, "Queue of the jobs. Default: the queue of the task."),
    "tags": Field(_tags, f"Tags of the jobs, up to {MAX_OWN_TAGS}."),
}


def time_of(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
