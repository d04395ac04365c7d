"""The rules: what each kind watches, and which fields it takes. Page, API, command line and file iterate over KINDS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from taskdesk.jobs.alerts.channels import NAME
from taskdesk.jobs.throughput import MINUTES
from taskdesk.service.settings import QUEUE_NAME

MAX_RULES = 100  # that are made on the page, by API or on the command line
MAX_SECONDS = 30 * 86400
MAX_COUNT = 1_000_000


@dataclass(frozen=True)
class Kind:
    """A kind of rule. `needs`, `takes`: the fields that it must and may have, besides those of every rule.

    `window`: by default, the seconds without the condition after which the alert has recovered.
    """

    name: str
    title: str
    text: str
    window: int
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.needs, *self.takes)


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "first-failure",
            "First failure",
            "Jobs begin to fail for one cause. Muted causes are left out.",
            3600,
            takes=("task",),
        ),
        Kind(
            "failures",
            "Many failures",
            "`count` jobs fail within `minutes`: of all queues, of one queue, or of one task.",
            60,
            needs=("count",),
            takes=("minutes", "task", "queue"),
        ),
        Kind("worker-lost", "Lost worker", "A worker stops responding without saying goodbye.", 900),
        Kind("schedule-late", "Late schedule", "A schedule has not run at its time.", 60),
        Kind(
            "queue-waits",
            "Queue waits",
            "The next job of a queue has waited for more than `seconds`.",
            60,
            needs=("seconds",),
            takes=("queue",),
        ),
        Kind(
            "no-worker",
            "No worker",
            "For `seconds`, no worker serves the `queue`. Without a queue: no worker is online, or jobs wait in a "
            "queue that none serves.",
            60,
            takes=("seconds", "queue"),
        ),
    )
}
DEFAULTS = {"minutes": 15, "seconds": 60}
FIELDS = tuple(dict.fromkeys(field for kind in KINDS.values() for field in kind.fields))

Name = Annotated[str, Field(pattern=NAME)]


class Rule(BaseModel):
    """What to watch, and which channels to notify. `details`: messages quote the error of a sample job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: Literal[tuple(KINDS)]  # type: ignore[valid-type]
    channels: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)]
    task: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    queue: Annotated[str, Field(pattern=QUEUE_NAME)] | None = None
    count: Annotated[int, Field(strict=True, ge=1, le=MAX_COUNT)] | None = None
    minutes: Annotated[int, Field(strict=True, ge=1, le=MINUTES)] | None = None
    seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_SECONDS)] | None = None
    window: Annotated[int, Field(strict=True, ge=1, le=MAX_SECONDS)] | None = None
    details: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="before")
    @classmethod
    def _has_the_fields_of_its_kind(cls, values: Any) -> Any:
        """Raises ValueError; its text begins with the name of the field."""
        kind = KINDS.get(str(values.get("when"))) if isinstance(values, dict) else None
        if kind is None:
            return values
        given = {name for name in FIELDS if values.get(name) is not None}
        for name in sorted(given - {*kind.fields}):
            raise ValueError(f"{name}: a rule of {kind.name} has no {name}: remove it")
        for name in sorted({*kind.needs} - given):
            raise ValueError(f"{name}: a rule of {kind.name} needs it")
        if {"task", "queue"} <= given:
            raise ValueError("queue: a rule watches one task or one queue: remove one of them")
        return values

    @property
    def kind(self) -> Kind:
        return KINDS[self.when]

    @property
    def recovers_after(self) -> int:
        return self.window or self.kind.window

    def value(self, field: str) -> int:
        """Return a number of the rule, or its default."""
        return int(getattr(self, field) or DEFAULTS[field])


@dataclass(frozen=True)
class NamedRule:
    """A rule of the desk. `source`: "file", "desk" (made on the page, by API or command line) or "task"."""

    name: str
    rule: Rule
    source: str
