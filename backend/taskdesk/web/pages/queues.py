"""The pages of the queues and of the workers: what waits, what runs, what ended in the last hour, and who does it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.throughput import MINUTES
from taskdesk.jobs.workers import read_workers
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.links import queue_object


def add_routes(bp: Blueprint) -> None:
    bp.get("/queues")(list_queues)
    bp.post("/queues/<name>")(change_queue)
    bp.get("/workers")(list_workers)


def list_queues() -> str:
    announced = desk().catalog.read(max_age=0)
    queues = [(queue_object(queue), bars(queue)) for queue in desk().queues.read()]
    return render_template("queues.html", queues=queues, announced=announced)


@needs("operator")
def change_queue(name: str) -> Response:
    """Pause it or let it go on: `paused` is "yes" or "no"."""
    queues = desk().queues
    acts = {"yes": queues.pause, "no": queues.resume}
    wish = request.form.get("paused", "")
    if wish not in acts:
        raise InvalidArguments([FieldError("/paused", 'This has to be "yes" or "no".')])
    acts[wish](name)
    return redirect(url_for("pages.list_queues"), 303)


def list_workers() -> str:
    announced = desk().catalog.read(max_age=0)
    workers = read_workers(desk().redis, (worker.name for worker in announced.workers))
    return render_template(
        "workers.html",
        workers=sorted(workers, key=lambda worker: (worker.hostname, worker.pid)),
        states=Counter(worker.state for worker in workers),
        catalogs={worker.catalog for worker in workers if worker.catalog},
        announced=announced,
    )


@dataclass(frozen=True)
class Bar:
    """A minute in which jobs ended; `x` is its number of the 60, `good` and `bad` are heights up to 100."""

    x: int
    succeeded: int
    failed: int
    good: float
    bad: float

    @property
    def total(self) -> int:
        return self.succeeded + self.failed

    @property
    def minutes_ago(self) -> int:
        return MINUTES - 1 - self.x


def bars(queue: Queue) -> list[Bar]:
    """The chart of its last hour, without the minutes in which nothing ended; a single job can be seen, too."""
    minutes = list(zip(queue.last_hour.succeeded, queue.last_hour.failed, strict=True))
    highest = max(map(sum, minutes)) or 1
    return [
        Bar(x, good, bad, _height(good, highest), _height(bad, highest))
        for x, (good, bad) in enumerate(minutes)
        if good or bad
    ]


def _height(jobs: int, highest: int) -> float:
    return round(max(94 * jobs / highest, 3), 1) if jobs else 0  # 94 + 3: a few failures beside many successes fit, too
