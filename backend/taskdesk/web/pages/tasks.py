"""The page of a task: its form, and code samples that send the same request to the API."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import (
    ArtifactNotFound,
    FieldError,
    InvalidArguments,
    JobExpired,
    JobNotFound,
    TaskNotFound,
)
from taskdesk.jobs.form_texts import parameter_name, read_fields, write_fields
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.presets import PresetNotFound, PresetOfAnother, PresetsFull, left_out
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.replication import NotReplicated
from taskdesk.jobs.representations import notice
from taskdesk.jobs.statistics import run_times
from taskdesk.jobs.texts import Texts, read_texts
from taskdesk.service.errors import NoRoom, RedisAway
from taskdesk.service.redis_errors import as_app_error
from taskdesk.web.access.identity import authenticator, present_user
from taskdesk.web.access.roles import needs, reads
from taskdesk.web.body_limits import FORM_BYTES, takes, takes_files
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange
from taskdesk.web.form_token import form_token
from taskdesk.web.forms import arguments_from_page
from taskdesk.web.links import task_objects
from taskdesk.web.pages.view.code_samples import code_samples
from taskdesk.web.pages.view.duration_chart import bars
from taskdesk.web.pages.view.field_errors import by_field
from taskdesk.web.pages.view.fields import form_fields
from taskdesk.web.pages.view.option_fields import (
    PRESET,
    option_fields,
    option_query,
    preset_field,
    queue_label,
    read_options,
    refuse_preset_name,
)
from taskdesk.web.pages.view.prefill import Prefill
from taskdesk.web.pages.view.progress_estimate import P95_MIN_RUNS

MAX_LISTED_JOBS = 10


def add_routes(bp: Blueprint) -> None:
    bp.get("/tasks/<name>")(show_task)
    bp.post("/tasks/<name>")(run_task)
    bp.post("/tasks/<name>/code_samples")(show_code_samples)
    bp.post("/tasks/<name>/presets")(save_preset)
    bp.post("/tasks/<name>/presets/<preset>/delete")(delete_preset)


def show_task(name: str) -> str | tuple[str, int]:
    """Show the form: `?from=<job id>` fills it with the input of a job, `?-preset=<name>` with that of a preset.

    `?<parameter>=<value>` fills it with a value.
    """
    try:
        spec = desk().catalog.task(name)
    except TaskNotFound as error:
        return render_template("no_task.html", error=error, broken=desk().catalog.last_read.broken), error.status
    prefill = _prefill(spec)
    try:
        return _page(spec, prefill)
    except InvalidArguments as error:  # the link can't be read
        return _page(spec, prefill, error.errors, texts=_filled(spec, prefill, {}))


@needs("user")
@takes_files
def run_task(name: str) -> Response | tuple[str, int]:
    spec, prefill = _sent_to(name), Prefill()
    try:
        prefill = _prefill(spec)
        refuse_preset_name(request.form)
        with ExitStack() as files:
            arguments = arguments_from_page(spec, request.form, request.files, _reopen(prefill, files))
            options = read_options(spec, _texts(spec, prefill), desk().queues.names)
            job = desk().submit(spec, arguments, form_token=form_token(), **options)
    except InvalidArguments as error:
        return _page(spec, prefill, error.errors), error.status
    except (NoRoom, NotReplicated) as error:
        return _page(spec, prefill, problem=str(error)), error.status
    except RedisError:
        away = RedisAway()
        return _page(spec, prefill, problem=str(away)), away.status
    return redirect(url_for("pages.show_job", job_id=job.id), 303)


def _sent_to(name: str) -> TaskSpec:
    """Return the task of a form. Only one with a file may have a large body."""
    spec = desk().catalog.task_or_cached(name)
    if not spec.file_parameters:
        request.max_content_length = FORM_BYTES
    return spec


@needs("user")
@takes_files
def save_preset(name: str) -> Response | tuple[str, int]:
    """Save what is filled in, without its files and secrets, and with what is left empty left out."""
    spec, prefill = _sent_to(name), Prefill()
    preset, shown = request.form.get(PRESET, "").strip(), spec.parameters.keys() - left_out(spec)
    current_exchange().subject = f"{name}/{preset}"
    try:
        prefill = _prefill(spec)
        values = read_fields(spec, {key: given for key, given in request.form.lists() if parameter_name(key) in shown})
        desk().presets.save(spec, preset, values, present_user())
    except InvalidArguments as error:
        errors = [replace(one, pointer=one.pointer or f"/{PRESET}") for one in error.errors]
        return _page(spec, prefill, errors), error.status
    except (PresetsFull, PresetOfAnother) as refusal:
        return _page(spec, prefill, [FieldError(f"/{PRESET}", str(refusal))]), refusal.status
    except RedisError as error:
        known = as_app_error(error)
        if known is None:
            raise
        return _page(spec, prefill, problem=str(known)), known.status
    chosen: dict[str, Any] = {PRESET: preset}
    return redirect(url_for("pages.show_task", name=name, **chosen), 303)


@needs("user")
def delete_preset(name: str, preset: str) -> Response:
    current_exchange().subject = f"{name}/{preset}"
    with suppress(PresetNotFound):  # another tab was faster
        desk().presets.delete(desk().catalog.task(name), preset, present_user())
    return redirect(url_for("pages.show_task", name=name), 303)


@reads
@takes(FORM_BYTES)
def show_code_samples(name: str) -> dict[str, str]:
    """Return the code samples for the form as it is filled in now. For a file the form sends its name."""
    spec = desk().catalog.task_or_cached(name)
    prefill = Prefill()
    with suppress(RedisError):
        prefill = _prefill(spec)
    return _code_samples(spec, prefill, _texts(spec, prefill))


def _page(
    spec: TaskSpec,
    prefill: Prefill,
    errors: Sequence[FieldError] = (),
    problem: str = "",
    texts: Texts | None = None,
) -> str:
    """Render the form. After a POST it holds what was typed, even while Redis is away."""
    wrong = by_field(spec, errors)
    texts = _texts(spec, prefill) if texts is None else texts
    queues, shown, recent = _figures(spec)
    fields = prefill.offer_columns(form_fields(spec, texts, wrong), spec, desk().columns)
    options = option_fields(texts, wrong, _queue_labels(spec, queues))
    announced = desk().catalog.last_read
    unknown = wrong.keys() - {PRESET, *(one.name for field in fields + options for one in field.all)}
    return render_template(
        "task.html",
        spec=spec,
        fields=fields,
        options=options,
        problem=problem or " ".join(f"{name}: {wrong[name]}" for name in sorted(unknown)),
        prefill=prefill,
        preset_field=preset_field(spec, wrong.get(PRESET, "")),
        samples=_code_samples(spec, prefill, texts),
        workers_online=announced.serving(spec.reference, spec.queue),
        notice=notice(announced, spec, spec.queue),
        queue=queues.get(spec.queue),
        task=shown,
        **recent,
        p95_min_runs=P95_MIN_RUNS,
    )


def _prefill(spec: TaskSpec) -> Prefill:
    job_id = request.args.get("from", "")
    if not job_id:
        return Prefill()
    try:
        job = desk().job(job_id)
    except (JobNotFound, JobExpired) as error:
        return Prefill(problem=str(error))
    return Prefill.of(job, spec, None if request.method == "GET" else _reused(), desk().queues.names)


def _reopen(prefill: Prefill, files: ExitStack) -> dict[str, list[UploadedFile]]:
    """Return the files of the earlier job that are used again, by parameter, open until `files` closes.

    Raises InvalidArguments with those that are gone.
    """
    opened: dict[str, list[UploadedFile]] = {}
    gone = []
    for key in _reused():
        name = key.partition("/")[0]
        try:
            opened.setdefault(name, []).append(_reopen_one(prefill, name, key, files))
        except ArtifactNotFound:
            gone.append(FieldError(f"/{key}", _FILE_GONE))
    if gone:
        raise InvalidArguments(gone)
    return opened


def _reopen_one(prefill: Prefill, name: str, key: str, files: ExitStack) -> UploadedFile:
    file = prefill.files.get(name, {}).get(key)
    if not prefill.job or not file:
        raise ArtifactNotFound("", key)
    return desk().reopen(prefill.job, file, files)


def _reused() -> list[str]:
    """Return the keys of Prefill.files that are chosen. The field's name begins as no parameter's does."""
    return [*dict.fromkeys(request.form.getlist("-reuse"))]


_FILE_GONE = "The file of the earlier job is no longer kept: choose it again."


def _texts(spec: TaskSpec, prefill: Prefill) -> Texts:
    """Return the texts of the fields: what was typed; or defaults, then the job's input, then the query's values."""
    if request.method == "POST":
        return {"-queue": [spec.queue], **dict(request.form.lists())}
    return _filled(spec, prefill, dict(request.args.lists()))


def _filled(spec: TaskSpec, prefill: Prefill, asked: Texts) -> Texts:
    """Return the texts of a form that a link fills: `asked` is its query. Raises InvalidArguments."""
    values = read_texts(spec, {name: texts for name, texts in asked.items() if name.rstrip(":") in spec.parameters})
    given = write_fields(spec, {**spec.defaults, **prefill.values, **_preset_values(spec), **values})
    options = {name: texts for name, texts in asked.items() if name.startswith("-")}
    return {"-queue": [spec.queue], **given, **prefill.options, **options}


def _preset_values(spec: TaskSpec) -> dict[str, Any]:
    """Return the values of the preset that the query names; none if the task does not have it."""
    with suppress(PresetNotFound):
        preset = desk().presets.get(spec, request.args[PRESET]) if PRESET in request.args else None
        return {name: value for name, value in preset.input.items() if name in spec.parameters} if preset else {}
    return {}


def _code_samples(spec: TaskSpec, prefill: Prefill, texts: Texts) -> dict[str, str]:
    names = spec.parameters.keys() - spec.file_parameters.keys()
    given = {key: text for key, text in texts.items() if parameter_name(key) in names}
    values = {}
    with suppress(InvalidArguments):  # the form shows it
        values = read_fields(spec, given)
    api = url_for("api.list_tasks", _external=True).removesuffix("/tasks")
    query = urlencode([*option_query(spec, texts).items(multi=True)])
    return code_samples(spec, values, _file_names(spec, prefill), api, query, login=authenticator().is_on)


def _file_names(spec: TaskSpec, prefill: Prefill) -> dict[str, list[str]]:
    """Return the names of the chosen files, and of those that are used again, by parameter."""
    names = {}
    for name in spec.file_parameters:
        reused = [file.filename for key, file in prefill.files.get(name, {}).items() if key in prefill.reused]
        chosen = [file.filename for file in request.files.getlist(name)] + request.form.getlist(name)
        found = [filename for filename in chosen if filename]
        names[name] = [*reused, *found] if name in spec.file_lists else found[:1] or reused
    return {name: found for name, found in names.items() if found}


def _queue_labels(spec: TaskSpec, queues: dict[str, Queue]) -> dict[str, str]:
    announced = desk().catalog.last_read
    names = dict.fromkeys([*desk().queues.names, spec.queue])
    return {name: queue_label(name, queues.get(name), announced.serving(spec.reference, name)) for name in names}


def _figures(spec: TaskSpec) -> tuple[dict[str, Queue], dict[str, Any], dict[str, Any]]:
    """Return the queues, the task with its usual durations, its last jobs and presets; all empty without Redis."""
    with suppress(RedisError):
        [shown] = task_objects([spec])
        jobs, following = desk().jobs.page(MAX_LISTED_JOBS, matching=Filter(task=spec.name))
        recent = {
            "jobs": jobs,
            "has_more": following is not None,
            "bars": bars(run_times(desk().redis, spec.reference)),
            "presets": desk().presets.of(spec),
        }
        return {queue.name: queue for queue in desk().queues.read()}, shown, recent
    return {}, {}, {}
