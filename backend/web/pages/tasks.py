"""The page of a task: its form."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from jobkit.catalog import TaskSpec
from jobkit.errors import InvalidArguments, RedisAway
from web.desk import desk
from web.forms import arguments_from_page
from web.pages.fields import form_fields


def add_routes(bp: Blueprint) -> None:
    bp.get("/tasks/<name>")(show_task)
    bp.post("/tasks/<name>")(run_task)


def show_task(name: str) -> str:
    return _page(desk().catalog.task(name))


def run_task(name: str) -> Response | tuple[str, int]:
    spec = desk().catalog.known_task(name)
    try:
        job = desk().submit(spec, arguments_from_page(spec, request.form, request.files))
    except InvalidArguments as error:
        by_field = {
            field.pointer.split("/")[1]: field.detail for field in reversed(error.errors) if "/" in field.pointer
        }
        return _page(spec, errors=by_field), error.status
    except RedisError:
        away = RedisAway()
        return _page(spec, problem=str(away)), away.status
    return redirect(url_for("pages.show_job", job_id=job.id), 303)


def _page(spec: TaskSpec, errors: dict[str, str] | None = None, problem: str = "") -> str:
    """The form. After a POST it holds what was typed; it comes even while Redis is away."""
    typed: dict[str, Any] | None = None
    if request.method == "POST":
        typed = {name: "\n".join(values) for name, values in request.form.lists()}
    unknown = {name: text for name, text in (errors or {}).items() if name not in spec.parameters}
    return render_template(
        "task.html",
        spec=spec,
        fields=form_fields(spec, typed, errors),
        problem=problem or " ".join(f"{name}: {text}" for name, text in unknown.items()),
        has_files=bool(spec.file_parameters),
        workers_online=desk().catalog.last_read.workers_online(spec.queue),
    )
