"""One action on many jobs of the list: first a page asks and names their number, then it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from taskdesk.jobs.action import Action
from taskdesk.jobs.actions import ACTIONS, RETRIED
from taskdesk.jobs.errors import CountDiffers, FieldError, InvalidArguments
from taskdesk.jobs.job_id import is_job_id
from taskdesk.jobs.schema_rules import sentence
from taskdesk.service import clock
from taskdesk.web.access.roles import needs
from taskdesk.web.body_limits import JSON_BYTES, takes
from taskdesk.web.bulk import act_on_all, matching_ids
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange
from taskdesk.web.pages.view.action_options import option_field, problem_of, read_option
from taskdesk.web.pages.view.filters import filters_of, in_words, list_url, tidy
from taskdesk.web.pages.view.outcomes import DONE_PARAMETER, MADE_PARAMETER
from taskdesk.web.query import job_filter

NAMED_JOBS = 10  # of which the question shows the names


def add_routes(bp: Blueprint) -> None:
    bp.post("/jobs")(act_on_jobs)


@needs("user")
@takes(JSON_BYTES)
def act_on_jobs() -> Response | str | tuple[str, int]:
    """Ask whether to do `action` with the ticked jobs, or with `all` that match; do it if `expected_count` says so."""
    form = request.form
    action = ACTIONS.get(form.get("action", ""))
    if action is None:
        raise InvalidArguments([FieldError("/action", sentence("enum", [*ACTIONS]))])
    expected = _expected(form.get("expected_count"))
    try:
        ids, times = _matching(action, expected) if "all" in form else (_ticked(), {})
    except CountDiffers as error:
        return _question(action, error.count, times=_times(), changed=True), error.status
    except InvalidArguments as error:
        return _question(action, 0, problem=error.errors[0].detail), error.status
    if action.makes_job and "all" in form and not ids:
        return _question(action, 0, problem="These jobs were retried already.")
    if expected is None and ids:
        return _question(action, len(ids), ids, times)
    try:
        option = read_option(action, desk(), form)
    except InvalidArguments as error:
        return _question(action, len(ids), ids, times, wrong=problem_of(error)), error.status
    outcomes = act_on_all(action, ids, job_filter(_filters(action)), **option)
    done = ".".join([action.name, *(f"{word}-{count}" for word, count in outcomes.items())])
    made = current_exchange().request_id if RETRIED in outcomes else None
    return redirect(list_url({**tidy(request.args), DONE_PARAMETER: done, MADE_PARAMETER: made}), 303)


def _expected(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _ticked() -> list[str]:
    return [job_id for job_id in dict.fromkeys(request.form.getlist("id")) if is_job_id(job_id)]


def _filters(action: Action) -> dict[str, str]:
    """Return the filters of the list, none for ticked jobs. A retry is for jobs that were not retried yet."""
    if "all" not in request.form:
        return {}
    filters = filters_of(tidy(request.args))
    return {"retried": "no", **filters} if action.makes_job and "cause" not in filters else filters


def _times() -> dict[str, str]:
    """Return the times that the question was about: for a list of the last hour, the hour before it was asked."""
    return {name: request.form[name] for name in ("since", "until") if name in request.form}


def _matching(action: Action, expected: int | None) -> tuple[list[str], dict[str, str]]:
    """Return the ids of all jobs that match, and the times between which they were submitted."""
    matching = job_filter({**_filters(action), **_times()})
    matching = replace(matching, until=matching.until or clock.utc_now())  # jobs that are submitted later are not meant
    times = {name: time.isoformat() for name in ("since", "until") if (time := getattr(matching, name))}
    return matching_ids(matching, expected), times


def _question(
    action: Action,
    count: int,
    ids: list[str] | None = None,
    times: dict[str, str] | None = None,
    wrong: str = "",
    **said: Any,
) -> str:
    return render_template(
        "jobs_confirm.html",
        action=action,
        field=option_field(action, desk(), request.form.get(action.option.name, ""), wrong) if action.option else None,
        what=in_words(_filters(action), count),
        count=count,
        ids=[] if "all" in request.form else ids or [],
        named=desk().jobs.load((ids or [])[:NAMED_JOBS]),
        times=times or {},
        act_url=list_url(tidy(request.args)),
        list_url=list_url(tidy(request.args)),
        **said,
    )
