"""The fields of the form of a schedule besides the arguments of its task. Their names have a hyphen in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskdesk.jobs.schedules.definition import FIELDS, OVERLAPS, Definition, duration_text, zones
from taskdesk.jobs.schedules.plan import MISSED
from taskdesk.jobs.value_types import with_zone
from taskdesk.web.pages.view.fields import FormField

_MISSED = {"latest": "run the latest one", "all": "run all, ten at most", "skip": "skip them"}
_OVERLAPS = {"skip": "skip the slot", "queue": "wait until it has ended", "cancel": "cancel the running job"}
_DEFAULTS = {"zone": "UTC", "missed": "latest", "overlap": "skip", "missed_within": "1d"}
_EVERY = (
    "A cron string (minute, hour, day of the month, month, day of the week), such as `15 6 * * 1-5`, or a duration, "
    "such as `10m`."
)


def schedule_fields(
    texts: Mapping[str, Sequence[str]], errors: Mapping[str, str], queues: Sequence[str], *, is_new: bool
) -> list[FormField]:
    def field(name: str, label: str, control: str = "text", help: str = "", **rest: Any) -> FormField:
        name = f"-{name}"
        return FormField(name, label, control, texts.get(name, ()), help, error=errors.get(name, ""), **rest)

    zone_names = dict.fromkeys(sorted(zones()), "")
    missed = {name: _MISSED[name] for name in reversed(MISSED)}
    overlaps = {name: _OVERLAPS[name] for name in OVERLAPS}
    own_queue = {"": "that of the task", **{name: name for name in queues}}
    fields = [
        field("every", "Every", help=_EVERY, required=True, limits={"placeholder": "15 6 * * 1-5"}),
        field("zone", "Time zone", help="Of the cron string.", options=zone_names),
        field("missed", "Slots that were missed", "select", options=missed),
        field("missed_within", "Run missed slots within", help="Slots that are over for longer never run: `6h`, `1d`."),
        field("overlap", "If a job has not ended at the next slot", "select", options=overlaps),
        field("start", "Start", "datetime", help="No slot before this time."),
        field("end", "End", "datetime", help="No slot from this time on."),
        field("jitter", "Jitter", help="Each job starts up to so much after its slot, such as `5m`."),
        field("queue", "Queue", "select", options=own_queue),
        field("tags", "Tags", help="Space-separated tags of the jobs."),
    ]
    if is_new:
        help = "Letters, digits, - and _. Leave it empty for a random one."
        fields.insert(2, FormField("-id", "Name", "text", texts.get("-id", ()), help, error=errors.get("-id", "")))
    return fields


def schedule_texts(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the texts of the fields for what a schedule says (Definition.as_values)."""
    given = {name: value for name, value in {**_DEFAULTS, **values}.items() if name in _TEXTS and value}
    texts = {f"-{name}": [duration_text(value) if type(value) is int else str(value)] for name, value in given.items()}
    texts |= {f"-{name}": [str(values[name])[:16]] for name in ("start", "end") if values.get(name)}
    return {**texts, "-tags": [" ".join(values.get("tags", ()))]}


_TEXTS = ("every", "zone", "jitter", "missed", "missed_within", "overlap", "queue")


def schedule_values(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the fields of a form as the API has them. An empty field is the default."""
    given = {name: "".join(texts.get(f"-{name}", ())).strip() for name in FIELDS}
    values: dict[str, Any] = {name: given[name] or getattr(Definition, name, None) for name in _TEXTS}
    values["every"] = given["every"]
    for name in ("jitter", "missed_within"):
        if given[name].isascii() and given[name].isdecimal() and len(given[name]) < 10:
            values[name] = int(given[name])
    times = {name: with_zone(given[name]) if given[name] else None for name in ("start", "end")}
    return {**values, **times, "tags": given["tags"].split()}
