"""What a chart is of: read from the query of the page and of the API, which have the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from taskdesk.jobs.charts import Step, Times, read_chart
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.rq_time import time_text
from taskdesk.jobs.schema_rules import sentence
from taskdesk.jobs.series import PERIODS, of_queue, of_task
from taskdesk.service import clock
from taskdesk.web.context import desk

NAMES = ("period", "task", "queue")


@dataclass(frozen=True)
class Chart:
    """`period`: one of PERIODS. `task` and `queue`: what it is of, both empty for all queues of the desk."""

    period: str
    task: str
    queue: str
    steps: list[Step]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Chart:
        """Return the chart of a query. Raises InvalidArguments, TaskNotFound, QueueNotFound."""
        errors = [FieldError(f"/{name}", "There is no such parameter.") for name in query if name not in NAMES]
        period, task, queue = query.get("period", "hour"), query.get("task", ""), query.get("queue", "")
        if period not in PERIODS:
            errors.append(FieldError("/period", sentence("enum", [*PERIODS])))
        if task and queue:
            errors.append(FieldError("/queue", "A chart is of a task or of a queue, not of both."))
        if errors:
            raise InvalidArguments(errors)
        task = desk().catalog.task(task).name if task else ""
        return cls(period, task, queue, read_chart(desk().redis, _subjects(task, queue), PERIODS[period], clock.now()))

    @property
    def step_seconds(self) -> int:
        return PERIODS[self.period].step_seconds

    @property
    def times(self) -> list[str]:
        """When each step began."""
        return [_time(step) for step in self.steps]

    def as_object(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        of = {"task": self.task or None, "queue": self.queue or None}
        steps = [_step_object(step) for step in self.steps]
        return {"period": self.period, **of, "step_seconds": self.step_seconds, "data": steps}


def _subjects(task: str, queue: str) -> list[str]:
    if task:
        return [of_task(desk().catalog.task(task).reference)]
    return [of_queue(name) for name in ([desk().queues.get(queue).name] if queue else desk().queues.names)]


def _step_object(step: Step) -> dict[str, Any]:
    times = {"run_seconds": _times_object(step.run), "wait_seconds": _times_object(step.wait)}
    return {"at": _time(step), "succeeded": step.succeeded, "failed": step.failed, **times}


def _time(step: Step) -> str:
    return time_text(datetime.fromtimestamp(step.at, UTC)) or ""


def _times_object(times: Times | None) -> dict[str, float | None] | None:
    if not times:
        return None
    return {"mean": round(times.mean, 6), "p95": None if times.p95 == float("inf") else times.p95}
