"""Tasks: what can be run, and running it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from web.desk import desk
from web.forms import arguments_from_request
from web.present import job_object, task_object


def add_routes(bp: Blueprint) -> None:
    bp.get("/tasks")(list_tasks)
    bp.get("/tasks/<name>")(show_task)
    bp.post("/tasks/<name>/jobs")(create_job)


def list_tasks() -> dict[str, Any]:
    announced = desk().catalog.read()
    return {
        "data": [task_object(spec) for spec in announced.tasks.values()],
        "broken": [module.model_dump() for module in announced.broken],
    }


def show_task(name: str) -> dict[str, Any]:
    return task_object(desk().catalog.task(name))


def create_job(name: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    spec = desk().catalog.task(name)
    job = desk().submit(spec, arguments_from_request(spec, request))
    return job_object(job), 202, {"Location": url_for("api.show_job", job_id=job.id), "Retry-After": "1"}
