"""What a form asks besides the arguments: on which queue, when, under which tags.

The names of these fields are those of the API's query with a hyphen in front, which no parameter can have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.parsing import with_zone
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.submit_options import SubmitOptions, check_submit_options
from taskdesk.web.context import desk
from taskdesk.web.pages.view.fields import FormField, Texts
from taskdesk.web.query import submit_options


def option_fields(
    spec: TaskSpec, texts: Texts, errors: Mapping[str, str], queues: Mapping[str, Queue]
) -> list[FormField]:
    """Queue, time and tags. Of `queues` that are known the field says how they are."""

    def field(name: str, label: str, control: str, **rest: Any) -> FormField:
        return FormField(name, label, control, texts.get(name, ()), error=errors.get(name, ""), **rest)

    names = dict.fromkeys([*desk().queues.names, spec.queue])
    words = {name: _words(name, queues.get(name)) for name in names}
    return [
        field("-queue", "Queue", "select", options=words),
        field("-at", "Start at", "datetime", help="Empty: as soon as a worker is free."),
        field("-tag", "Tags", "text", help="Words to find the job by, with spaces between them."),
    ]


def _words(name: str, queue: Queue | None) -> str:
    if not queue:
        return name
    workers = desk().catalog.last_read.workers_online(name)
    state = "paused" if queue.is_paused else f"{queue.jobs['queued']:,} waiting" if workers else "no worker"
    return f"{name} ({state})"


def option_query(spec: TaskSpec, texts: Texts) -> MultiDict[str, str]:
    """The options as the query of a submit, without what is so anyway. A time without a zone is in UTC."""
    queue, at, tags = ("".join(texts.get(name, [])).strip() for name in ("-queue", "-at", "-tag"))
    query = MultiDict([("tag", tag) for tag in tags.split()])
    if queue not in ("", spec.queue):
        query["queue"] = queue
    if at:
        query["at"] = with_zone(at)
    return query


def read_options(spec: TaskSpec, texts: Texts) -> SubmitOptions:
    """What `Desk.submit` is told. Raises InvalidArguments, whose pointers are `/-queue`, `/-at` and `/-tag`."""
    try:
        options = submit_options(option_query(spec, texts))
        check_submit_options(desk().queues.names, options)
    except InvalidArguments as error:
        raise InvalidArguments([FieldError(f"/-{one.pointer[1:]}", one.detail) for one in error.errors]) from None
    return options
