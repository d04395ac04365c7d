"""The fields of a form besides the arguments: the queue, the start time and the tags of the job.

Their names are those of the API's query with a hyphen in front, which no parameter can have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.presets import MAX_NAME
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.submit_options import SubmitOptions, check_submit_options, refuse_the_past
from taskdesk.jobs.value_types import with_zone
from taskdesk.web.pages.view.fields import FormField, Texts
from taskdesk.web.query import submit_options

PRESET = "-preset"
_FOR_ALL = "Everybody who opens this task sees the preset."


def option_fields(texts: Texts, errors: Mapping[str, str], queues: Mapping[str, str]) -> list[FormField]:
    """Return the fields for queue, start time and tags. `queues` has the label of each queue that can be chosen."""

    def field(name: str, label: str, control: str, **rest: Any) -> FormField:
        return FormField(name, label, control, texts.get(name, ()), error=errors.get(name, ""), **rest)

    return [
        field("-queue", "Queue", "select", options=queues),
        field("-at", "Start at", "datetime", help="Leave empty to start now."),
        field("-tag", "Tags", "text", help="Space-separated tags, to find the job by."),
    ]


def preset_field(spec: TaskSpec, error: str) -> FormField:
    """Return the field for the name under which the values are saved. It is empty until somebody types."""
    left_out = " and ".join(
        word for word, names in (("files", spec.file_parameters), ("secrets", spec.secret_parameters)) if names
    )
    help = f"Everybody who opens this task sees the preset. It has no {left_out}." if left_out else _FOR_ALL
    return FormField(PRESET, "Name of the preset", "text", error=error, help=help, limits={"maxlength": MAX_NAME})


def refuse_preset_name(form: MultiDict[str, str]) -> None:
    """Raise InvalidArguments if the name of a preset is filled in: the Enter key in its field presses Run."""
    if "".join(form.getlist(PRESET)).strip():
        detail = "To save these values, press Save preset. To run the task, empty this field."
        raise InvalidArguments([FieldError(f"/{PRESET}", detail)])


def queue_label(name: str, queue: Queue | None, workers_online: int) -> str:
    """Return the name of a queue, with its state unless `queue` is None: "default (3 waiting)"."""
    if not queue:
        return name
    state = f"{queue.jobs['queued']:,} waiting" if workers_online else "no worker"
    return f"{name} ({'paused' if queue.is_paused else state})"


def option_query(spec: TaskSpec, texts: Texts) -> MultiDict[str, str]:
    """Return the options as the query of a submit, without the defaults. A time without a zone is in UTC."""
    queue, at, tags = ("".join(texts.get(name, [])).strip() for name in ("-queue", "-at", "-tag"))
    query = MultiDict([("tag", tag) for tag in tags.split()])
    if queue not in ("", spec.queue):
        query["queue"] = queue
    if at:
        query["at"] = with_zone(at)
    return query


def read_options(spec: TaskSpec, texts: Texts, queues: Sequence[str]) -> SubmitOptions:
    """Return the options for `Desk.submit`.

    Raises InvalidArguments, whose pointers are `/-queue`, `/-at` and `/-tag`.
    """
    try:
        options = submit_options(option_query(spec, texts))
        check_submit_options(queues, options)
        refuse_the_past(options["at"], "leave it empty")
    except InvalidArguments as error:
        raise InvalidArguments([FieldError(f"/-{one.pointer[1:]}", one.detail) for one in error.errors]) from None
    return options
