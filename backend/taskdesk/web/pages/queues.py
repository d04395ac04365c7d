"""The page of the queues: how many jobs wait and run, and how many ended in each minute of the last hour."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.schema_rules import sentence
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.links import queue_objects
from taskdesk.web.pages.view.throughput_chart import bars


def add_routes(bp: Blueprint) -> None:
    bp.get("/queues")(list_queues)
    bp.post("/queues/<name>")(change_queue)


def list_queues() -> str:
    announced = desk().catalog.read(max_age=0)
    queues = desk().queues.read()
    shown = [(one, bars(queue.last_hour)) for one, queue in zip(queue_objects(queues), queues, strict=True)]
    return render_template("queues.html", queues=shown, announced=announced)


@needs("operator")
def change_queue(name: str) -> Response:
    """Pause the queue or resume it: `paused` is "yes" or "no"."""
    queues = desk().queues
    changes = {"yes": queues.pause, "no": queues.resume}
    paused = request.form.get("paused", "")
    if paused not in changes:
        raise InvalidArguments([FieldError("/paused", sentence("enum", [*changes]))])
    changes[paused](name)
    return redirect(url_for("pages.list_queues"), 303)
