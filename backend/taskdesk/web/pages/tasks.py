"""The page of a task: its form, and the same as calls of the API."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments, TaskNotFound
from taskdesk.jobs.parsing import plain_schema, read_fields
from taskdesk.jobs.queues import Queue
from taskdesk.service.errors import NoRoom, RedisAway
from taskdesk.web.access.identity import authenticator
from taskdesk.web.context import desk
from taskdesk.web.form_token import form_token
from taskdesk.web.forms import arguments_from_page
from taskdesk.web.links import task_objects
from taskdesk.web.pages.view.calls import calls
from taskdesk.web.pages.view.fields import Texts, defaults, form_fields, texts_of
from taskdesk.web.pages.view.options import option_fields, option_query, read_options
from taskdesk.web.pages.view.prefill import Source, read_source
from taskdesk.web.pages.view.progress_estimate import FEW


def add_routes(bp: Blueprint) -> None:
    bp.get("/tasks/<name>")(show_task)
    bp.post("/tasks/<name>")(run_task)
    bp.post("/tasks/<name>/calls")(show_calls)


def show_task(name: str) -> str | tuple[str, int]:
    """The form: `?from=<job id>` fills it with the input of a job, `?<parameter>=<value>` with a value."""
    try:
        spec = desk().catalog.task(name)
    except TaskNotFound as error:
        return render_template("no_task.html", error=error, broken=desk().catalog.last_read.broken), error.status
    return _page(spec, read_source(spec))


def run_task(name: str) -> Response | tuple[str, int]:
    spec, source = desk().catalog.known_task(name), Source()
    try:
        source = read_source(spec)
        with ExitStack() as files:
            arguments = arguments_from_page(spec, request.form, request.files, source.reopen(files))
            job = desk().submit(spec, arguments, form_token=form_token(), **read_options(spec, _texts(spec, source)))
    except InvalidArguments as error:
        return _page(spec, source, error.errors), error.status
    except NoRoom as error:
        return _page(spec, source, problem=str(error)), error.status
    except RedisError:
        away = RedisAway()
        return _page(spec, source, problem=str(away)), away.status
    return redirect(url_for("pages.show_job", job_id=job.id), 303)


def show_calls(name: str) -> dict[str, str]:
    """The calls that a form, as it is filled in now, stands for. Of a file it has the name."""
    spec = desk().catalog.known_task(name)
    source = Source()
    with suppress(RedisError):
        source = read_source(spec)
    return _calls(spec, source, _texts(spec, source))


def _page(spec: TaskSpec, source: Source, errors: Sequence[FieldError] = (), problem: str = "") -> str:
    """The form. After a POST it holds what was typed; it comes even while Redis is away."""
    by_field = _by_field(spec, errors)
    texts = _texts(spec, source)
    queues, shown = _figures(spec)
    fields, options = form_fields(spec, texts, by_field), option_fields(spec, texts, by_field, queues)
    unknown = by_field.keys() - {field.name for field in fields + options}
    return render_template(
        "task.html",
        spec=spec,
        fields=fields,
        options=options,
        problem=problem or " ".join(f"{name}: {by_field[name]}" for name in sorted(unknown)),
        source=source,
        calls=_calls(spec, source, texts),
        workers_online=desk().catalog.last_read.workers_online(spec.queue),
        queue=queues.get(spec.queue),
        task=shown,
        few=FEW,
    )


def _texts(spec: TaskSpec, source: Source) -> Texts:
    """What the fields hold: what was typed; or the defaults, the job's input over them, and the query's values."""
    if request.method == "POST":
        given = dict(request.form.lists())
    else:
        given = texts_of({**defaults(spec), **source.values}) | source.options | dict(request.args.lists())
    return {"-queue": [spec.queue], **given}


def _calls(spec: TaskSpec, source: Source, texts: Texts) -> dict[str, str]:
    chosen = {name: file.filename for name, file in request.files.items()}
    files = {
        name: chosen.get(name)
        or request.form.get(name)
        or (source.files[name].filename if name in source.again else "")
        for name in spec.file_parameters
    }
    values = read_fields(
        spec, {name: texts[name] for name in spec.parameters if name in texts and name not in spec.file_parameters}
    )
    api = url_for("api.list_tasks", _external=True).removesuffix("/tasks")
    query = urlencode([*option_query(spec, texts).items(multi=True)])
    chosen_files = {name: file for name, file in files.items() if file}
    return calls(spec, values, chosen_files, api, query, login=authenticator().is_on)


def _by_field(spec: TaskSpec, errors: Sequence[FieldError]) -> dict[str, str]:
    """A sentence for each wrong field; of a list it says which entry."""
    found: dict[str, list[str]] = {}
    for error in errors:
        name, *inside = error.pointer.removeprefix("/").split("/")
        is_list = plain_schema(spec.parameters.get(name, {})).get("type") == "array"
        entry = f"Entry {int(inside[0]) + 1}: " if inside and is_list else ""
        found.setdefault(name, []).append(entry + error.detail)
    return {name: " ".join(details) for name, details in found.items()}


def _figures(spec: TaskSpec) -> tuple[dict[str, Queue], dict[str, Any]]:
    """The queues, and the task with what its runs take: nothing while Redis is away."""
    with suppress(RedisError):
        [shown] = task_objects([spec])
        return {queue.name: queue for queue in desk().queues.read()}, shown
    return {}, {}
