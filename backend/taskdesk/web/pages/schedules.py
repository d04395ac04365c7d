"""The pages of the schedules: the list with its actions, and the form that makes or changes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.form_texts import read_fields, write_fields
from taskdesk.jobs.schedules.representation import preview_objects, schedule_objects
from taskdesk.jobs.schedules.schedule import Schedule
from taskdesk.jobs.texts import Texts
from taskdesk.service import clock
from taskdesk.service.errors import AppError
from taskdesk.web.access.roles import needs
from taskdesk.web.body_limits import FORM_BYTES, takes
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange, user_name
from taskdesk.web.pages.view.field_errors import by_field
from taskdesk.web.pages.view.fields import form_fields
from taskdesk.web.pages.view.schedule_fields import schedule_fields, schedule_texts, schedule_values
from taskdesk.web.pages.view.schedule_rows import ScheduleRow

PAGE = 50


def add_routes(bp: Blueprint) -> None:
    bp.get("/schedules")(list_schedules)
    bp.get("/schedules/new")(new_schedule)
    bp.post("/schedules/new")(create_schedule)
    bp.get("/schedules/<schedule_id>/edit")(edit_schedule)
    bp.post("/schedules/<schedule_id>/edit")(change_schedule)
    bp.post("/schedules/<schedule_id>/pause")(pause_schedule)
    bp.post("/schedules/<schedule_id>/resume")(resume_schedule)
    bp.post("/schedules/<schedule_id>/run")(run_schedule)
    bp.post("/schedules/<schedule_id>/delete")(delete_schedule)


def list_schedules() -> str:
    return _list()


def new_schedule() -> str:
    """Show the form for a task, `?task=<name>`; without one, the tasks to choose from."""
    name = request.args.get("task", "")
    if not name:
        return render_template("schedule_task.html", tasks=desk().catalog.read().tasks.values())
    spec = desk().catalog.task(name)
    return _form(spec, {**write_fields(spec, spec.defaults), **schedule_texts({})})


@needs("user")
@takes(FORM_BYTES)
def create_schedule() -> Response | str | tuple[str, int]:
    spec = desk().catalog.task(request.args.get("task", ""))

    def save(values: dict[str, Any]) -> str:
        schedule_id = "".join(request.form.getlist("-id")).strip()
        made = desk().schedules.create(values, schedule_id=schedule_id, owner=user_name())
        current_exchange().subject = made.id
        return made.id

    return _save(spec, None, save)


def edit_schedule(schedule_id: str) -> str:
    schedule = desk().schedules.own(schedule_id)
    spec = desk().catalog.task(schedule.definition.task)
    shown = {name: value for name, value in schedule.definition.arguments.items() if name not in spec.secret_parameters}
    texts = {**write_fields(spec, {**spec.defaults, **shown}), **schedule_texts(schedule.definition.as_values())}
    return _form(spec, texts, schedule)


@needs("user")
@takes(FORM_BYTES)
def change_schedule(schedule_id: str) -> Response | str | tuple[str, int]:
    schedule = desk().schedules.own(schedule_id)
    spec = desk().catalog.task(schedule.definition.task)
    return _save(spec, schedule, lambda values: desk().schedules.change(schedule_id, values).id)


@needs("user")
def pause_schedule(schedule_id: str) -> Response | tuple[str, int]:
    reason = request.form.get("reason", "").strip()
    return _act(lambda: desk().schedules.pause(schedule_id, reason, user_name()), schedule_id)


@needs("user")
def resume_schedule(schedule_id: str) -> Response | tuple[str, int]:
    return _act(lambda: desk().schedules.resume(schedule_id), schedule_id)


@needs("user")
def run_schedule(schedule_id: str) -> Response | tuple[str, int]:
    try:
        job = desk().run_schedule(schedule_id)
    except AppError as error:
        return _list(str(error)), error.status
    return redirect(url_for("pages.show_job", job_id=job.id), 303)


@needs("user")
def delete_schedule(schedule_id: str) -> Response | tuple[str, int]:
    return _act(lambda: desk().schedules.delete(schedule_id), "")


def _act(action: Any, schedule_id: str) -> Response | tuple[str, int]:
    """Do something with a schedule, and show the list again; if it is refused, with the reason."""
    try:
        action()
    except AppError as error:
        return _list(str(error)), error.status
    anchor = f"schedule-{schedule_id}" if schedule_id else None
    return redirect(url_for("pages.list_schedules", _anchor=anchor), 303)


def _list(problem: str = "") -> str:
    text = request.args.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) else 1
    found, total = desk().schedules.page(PAGE * (number - 1), PAGE)
    rows = [ScheduleRow(shown, clock.now()) for shown in schedule_objects(desk(), found)]
    workers = desk().catalog.read().workers
    return render_template(
        "schedules.html", rows=rows, total=total, number=number, per_page=PAGE, problem=problem, workers=workers
    )


def _save(spec: TaskSpec, schedule: Schedule | None, save: Any) -> Response | str | tuple[str, int]:
    """Make or change a schedule of the form that was sent, or show the form again: with errors, or its next times."""
    texts = dict(request.form.lists())
    try:
        values = {"task": spec.name, "arguments": _arguments(spec, texts, schedule), **schedule_values(texts)}
        if "-preview" in texts:
            definition, _ = desk().schedules.checked(values)
            return _form(spec, texts, schedule, following=preview_objects(definition, clock.now()))
        saved = save(values)
    except InvalidArguments as error:
        return _form(spec, texts, schedule, [_of_form(one) for one in error.errors]), error.status
    except AppError as error:
        return _form(spec, texts, schedule, problem=str(error)), error.status
    return redirect(url_for("pages.list_schedules", _anchor=f"schedule-{saved}"), 303)


def _arguments(spec: TaskSpec, texts: Texts, schedule: Schedule | None) -> dict[str, Any]:
    """Return the arguments of a form. A secret that is left empty stays as it was. Raises InvalidArguments."""
    given = {name: text for name, text in texts.items() if not name.startswith("-")}
    before = schedule.definition.arguments if schedule else {}
    kept = {name: before[name] for name in spec.secret_parameters if name in before and not any(given.get(name, ()))}
    files = spec.file_parameters
    return {**read_fields(spec, {name: text for name, text in given.items() if name not in {*kept, *files}}), **kept}


def _of_form(error: FieldError) -> FieldError:
    """Return the error with the name that its field has in the form."""
    first, *inside = error.pointer.removeprefix("/").split("/")
    if first == "arguments":
        return FieldError("/" + "/".join(inside), error.detail)
    return FieldError(f"/-{first}", error.detail) if first in _NAMES else error


_NAMES = {"id", "every", "zone", "start", "end", "jitter", "missed", "missed_within", "overlap", "queue", "tags"}


def _form(
    spec: TaskSpec,
    texts: Mapping[str, Sequence[str]],
    schedule: Schedule | None = None,
    errors: Sequence[FieldError] = (),
    *,
    problem: str = "",
    following: Sequence[dict[str, Any]] = (),
) -> str:
    wrong = by_field(spec, errors)
    fields = [field for field in form_fields(spec, dict(texts), wrong) if field.name not in spec.file_parameters]
    options = schedule_fields(texts, wrong, desk().queues.names, is_new=schedule is None)
    unknown = wrong.keys() - {one.name for field in (*fields, *options) for one in field.all}
    return render_template(
        "schedule_form.html",
        spec=spec,
        schedule=schedule,
        fields=fields,
        options=options,
        problem=problem or " ".join(f"{name}: {wrong[name]}" for name in sorted(unknown)),
        following=following,
        zone="".join(texts.get("-zone", ())) or "UTC",
    )
