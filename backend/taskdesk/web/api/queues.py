"""Queues and workers: list them, and pause queues."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, request

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.representations import WAIT_TARGET_SECONDS, worker_object
from taskdesk.jobs.workers import read_workers
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.forms import json_object
from taskdesk.web.links import queue_objects
from taskdesk.web.query import single_values, whole_number

MAX_TARGET_SECONDS = 24 * 3600


def add_routes(bp: Blueprint) -> None:
    bp.get("/queues")(list_queues)
    bp.get("/queues/<name>")(show_queue)
    bp.patch("/queues/<name>")(change_queue)
    bp.get("/workers")(list_workers)
    bp.get("/stats")(show_stats)


def list_queues() -> dict[str, Any]:
    return {"data": queue_objects(desk().queues.read(), target=_target())}


def show_queue(name: str) -> dict[str, Any]:
    [queue] = queue_objects([desk().queues.get(name)], target=_target())
    return queue


def _target() -> float:
    """Return the query's `target` in seconds. Raises InvalidArguments."""
    return whole_number(single_values(request.args), "target", WAIT_TARGET_SECONDS, MAX_TARGET_SECONDS)


@needs("operator")
def change_queue(name: str) -> dict[str, Any]:
    """Pause a queue with `{"paused": true}`: none of its jobs starts, running jobs continue."""
    queue = desk().queues.get(name)
    paused = json_object(request).get("paused")
    if not isinstance(paused, bool):
        raise InvalidArguments([FieldError("/paused", "Must be true or false.")])
    (desk().queues.pause if paused else desk().queues.resume)(queue.name)
    [changed] = queue_objects([desk().queues.get(name)])
    return changed


def list_workers() -> dict[str, Any]:
    online = desk().catalog.read(max_age=0).workers
    return {"data": [worker_object(worker) for worker in read_workers(desk().redis, (one.name for one in online))]}


def show_stats() -> dict[str, Any]:
    """Return the number of jobs by status, of jobs that ended in the last hour, and of workers by state."""
    jobs: Counter[str] = Counter()
    last_hour = {"succeeded": 0, "failed": 0}
    for queue in desk().queues.read():
        jobs.update(queue.jobs)
        last_hour["succeeded"] += sum(queue.last_hour.succeeded)
        last_hour["failed"] += sum(queue.last_hour.failed)
    workers = Counter(worker.state or "unknown" for worker in desk().catalog.read().workers)
    return {"jobs": dict(jobs), "last_hour": last_hour, "workers": {"online": workers.total(), **workers}}
