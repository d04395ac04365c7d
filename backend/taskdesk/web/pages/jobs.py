"""The list of jobs: filtered, in pages, and kept up to date without moving the rows that somebody reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs import representations
from taskdesk.jobs.action import Action
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.errors import FieldError, InvalidArguments, JobExpired, JobNotFound
from taskdesk.jobs.job import Job
from taskdesk.web.access.identity import current_user
from taskdesk.web.access.roles import reads
from taskdesk.web.body_limits import JSON_BYTES, takes
from taskdesk.web.context import desk
from taskdesk.web.pages.view.durations import took
from taskdesk.web.pages.view.fields import as_local
from taskdesk.web.pages.view.filters import (
    RANGES,
    RETRIED,
    Tab,
    chips,
    filters_of,
    is_counted,
    list_url,
    range_in_words,
    tabs,
    tidy,
)
from taskdesk.web.pages.view.outcomes import DONE_PARAMETER, MADE_PARAMETER, done_in_words
from taskdesk.web.pages.view.saved_filters import (
    COOKIE,
    COOKIE_SECONDS,
    MAX_NAME,
    read_saved,
    saved_filters,
    write_saved,
)
from taskdesk.web.query import FILTERS, MAX_FILTER, MAX_PAGE, PAGED, job_filter, page_limit, single_values

ROWS = 50
MAX_COUNTED = 300  # jobs of other filters than a queue: beyond, the tabs have no counts
_NOTICES = (DONE_PARAMETER, MADE_PARAMETER)  # parameters that are no filters


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs")(list_jobs)
    bp.post("/jobs:live")(show_live)
    bp.post("/jobs:filters")(save_filters)


def list_jobs() -> str | Response | tuple[str, int]:
    """Show the jobs that match the query. Redirect the parameters of the filter form to those of the API."""
    parameters = tidy(request.args)
    if "q" in parameters:
        return redirect(_sought(parameters))
    if parameters != request.args.to_dict():
        return redirect(list_url(parameters))
    try:
        query = single_values(request.args)
        matching = job_filter(query, besides=(*PAGED, *_NOTICES))
        jobs, following = desk().jobs.page(page_limit(query, ROWS), query.get("cursor"), matching)
    except InvalidArguments as error:
        return _page(parameters, errors={one.pointer.lstrip("/"): one.detail for one in error.errors}), error.status
    return _page(parameters, jobs, following)


@reads
@takes(JSON_BYTES)
def show_live() -> str:
    """Return what may have changed in a list: the counts, the number of new jobs, and the rows that had not ended."""
    matching = job_filter(single_values(request.args))
    form, new = request.form, 0
    if "shown" in form:  # the first page
        new = desk().jobs.arrivals(set(form["shown"].split()[:MAX_PAGE]), form.get("cursor"), matching)
    moving = desk().jobs.load(form.get("moving", "").split()[:MAX_PAGE])
    parameters = request.args.to_dict()
    return render_template(
        "jobs_live.html",
        tabs=_tabs(parameters),
        new=new,
        jobs=moving,
        first_url=list_url(parameters),
        took=took,
        reason=reason,
    )


@reads
def save_filters() -> Response:
    """Save the filters of the query under `name`, or forget those of the name `forget`, in a cookie of the browser."""
    filters, saved = filters_of(tidy(request.args)), read_saved(request.cookies)
    name = request.form.get("name", "").strip()[:MAX_NAME]
    if name and filters:
        saved[name] = filters
    saved.pop(request.form.get("forget", ""), None)
    answer = redirect(list_url(filters), 303)
    try:
        value = write_saved(saved)
    except ValueError as error:
        raise InvalidArguments([FieldError("/name", str(error))]) from None
    options: Any = {"path": url_for("pages.home"), "secure": request.is_secure, "httponly": True, "samesite": "Lax"}
    answer.set_cookie(COOKIE, value, max_age=COOKIE_SECONDS if saved else 0, **options)
    return answer


def _sought(parameters: dict[str, str]) -> str:
    """Return the address that a search leads to: a job, or the list of the jobs that have the text in a filter."""
    text = parameters["q"]
    if _is_or_was_job(text):
        return url_for("pages.show_job", job_id=text)
    return list_url({**filters_of(parameters), **_filter_for(text)})


def _is_or_was_job(text: str) -> bool:
    try:
        desk().jobs.get(text)
    except JobNotFound:
        return False
    except JobExpired:
        pass  # the page of the job says so
    return True


def _filter_for(text: str) -> dict[str, str]:
    """Return the filter that a search sets: a task or a tag of this name, the tasks whose names have it, or an id."""
    tasks = desk().catalog.read_or_cached().tasks
    if text in tasks:
        return {"task": text}
    if desk().jobs.has_tag(text):
        return {"tag": text}
    named = [name for name in tasks if text.lower() in name.lower()]
    while len(",".join(named)) > MAX_FILTER:
        named.pop()
    return {"task": ",".join(named)} if named else {"id": text}


def _page(
    parameters: dict[str, str],
    jobs: Sequence[Job] = (),
    following: str | None = None,
    errors: dict[str, str] | None = None,
) -> str:
    filters, user = filters_of(parameters), current_user()
    return render_template(
        "jobs.html",
        parameters=parameters,
        filters=filters,
        errors=errors or {},
        filter_names=FILTERS,
        tabs=_tabs(parameters),
        chips=chips(parameters),
        mine_url=list_url({**filters, "owner": user.name}) if user and user.name else "",
        saved=saved_filters(request.cookies, filters),
        save_url=list_url(filters, "pages.save_filters"),
        jobs=jobs,
        took=took,
        reason=reason,
        following=following,
        actions=_offered(parameters.get("status")),
        done=done_in_words(parameters.get(DONE_PARAMETER, "")),
        made_url=list_url({"request": parameters.get(MADE_PARAMETER)}) if MADE_PARAMETER in parameters else "",
        retried_in_words=RETRIED,
        range_in_words=range_in_words,
        as_local=as_local,
        **_choices(filters),
        **_addresses(parameters, following),
    )


def _offered(status: str | None) -> list[Action]:
    """Return the actions that are allowed for jobs of this status; all of them for jobs of any status."""
    return [action for action in ACTIONS.values() if not status or status in action.effects]


def _choices(filters: Mapping[str, str]) -> dict[str, Collection[str]]:
    """Return the choices in the form of the filters."""
    return {
        "tasks": _with(desk().catalog.read_or_cached().tasks, filters.get("task")),
        "queues": _with(desk().settings.queues, filters.get("queue")),
        "ranges": RANGES,
    }


def _addresses(parameters: Mapping[str, str], following: str | None) -> dict[str, str | None]:
    here = {name: text for name, text in parameters.items() if name not in _NOTICES}
    return {
        "first_url": list_url({**here, "cursor": None}),
        "next_url": following and list_url({**here, "cursor": following}),
        "act_url": list_url(here),
        "live_url": list_url(filters_of(parameters), "pages.show_live"),
    }


def reason(job: Job) -> str | None:
    """As `taskdesk.jobs.representations.reason`."""
    return representations.reason(desk(), job)


def _tabs(parameters: dict[str, str]) -> list[Tab]:
    return tabs(parameters, desk().queues.read(), None if is_counted(parameters) else _count_found(parameters))


def _count_found(parameters: Mapping[str, str]) -> Mapping[str, int] | None:
    """Return how many jobs of each status match the other filters; None if they are many, or a filter is not valid."""
    with suppress(InvalidArguments):
        matching = job_filter({name: text for name, text in filters_of(parameters).items() if name != "status"})
        jobs, following = desk().jobs.page(MAX_COUNTED, matching=matching)
        return None if following else Counter(job.status for job in jobs)
    return None


def _with(names: Iterable[str], chosen: str | None) -> list[str]:
    """Return the names to choose from, and the chosen one if it is none of them."""
    return list(dict.fromkeys([*names, *filter(None, [chosen])]))
