"""One action on many jobs of a list: it is done when the question, which names the count, has been answered."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from taskdesk.jobs.errors import CountDiffers, FieldError, InvalidArguments
from taskdesk.jobs.jobs import is_job_id
from taskdesk.service import clock
from taskdesk.web.access.roles import needs
from taskdesk.web.bulk import ACTIONS, act, matching_ids
from taskdesk.web.context import desk
from taskdesk.web.pages.view.filters import filters_of, in_words, list_url, tidy
from taskdesk.web.query import job_filter

DONE_PARAMETER = "done"  # the word of the list's query for what was done: "cancel.canceled-12.skipped-1"
NAMED_JOBS = 10  # jobs that the question names
_COUNTED = re.compile(r"(\w+)-([0-9]{1,9})")
_OUTCOMES = {
    "canceled": "canceled",
    "stopping": "are being stopped",
    "retried": "run again, as new jobs",
    "kept": "kept for ever",
    "deleted": "deleted",
    "refused": "found no room: try again later",
}
_SKIPPED = {
    "cancel": "had ended in the meantime",
    "retry": "could not be run again",
    "keep": "had not ended",
    "delete": "run, or were gone already",
}


def add_routes(bp: Blueprint) -> None:
    bp.post("/jobs")(act_on_jobs)


@needs("user")
def act_on_jobs() -> Response | str | tuple[str, int]:
    """Ask whether to do `action` with the ticked jobs, or with `all` that match; do it if `expected_count` says so."""
    form = request.form
    action = form.get("action", "")
    if action not in ACTIONS:
        raise InvalidArguments([FieldError("/action", f"This has to be one of: {', '.join(ACTIONS)}.")])
    expected = _expected(form.get("expected_count"))
    try:
        ids, times = _matching(expected) if "all" in form else (_ticked(), {})
    except CountDiffers as error:
        return _question(action, error.count, times=_times(), changed=True), error.status
    except InvalidArguments as error:
        return _question(action, 0, problem=error.errors[0].detail), error.status
    if expected is None and ids:
        return _question(action, len(ids), ids, times)
    outcomes = [f"{word}-{count}" for word, count in act(action, ids).items()]
    return redirect(list_url({**tidy(request.args), DONE_PARAMETER: ".".join([action, *outcomes])}), 303)


def done_in_words(done: str) -> str:
    """ "1,230 deleted, 4 run, or were gone already."; empty if nothing was done."""
    action, _, outcomes = done.partition(".")
    if action not in ACTIONS:
        return ""
    words = {**_OUTCOMES, "skipped": _SKIPPED[action]}
    told = [f"{int(count):,} {words[word]}" for word, count in _COUNTED.findall(outcomes) if word in words]
    if not outcomes:
        return "No job was chosen."
    return f"{', '.join(told)}." if told else ""


def _expected(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _ticked() -> list[str]:
    return [job_id for job_id in dict.fromkeys(request.form.getlist("id")) if is_job_id(job_id)]


def _times() -> dict[str, str]:
    """What the question was about: of a list of the last hour, the hour before it was asked."""
    return {name: request.form[name] for name in ("since", "until") if name in request.form}


def _matching(expected: int | None) -> tuple[list[str], dict[str, str]]:
    """The ids of all that match, and between which times."""
    matching = job_filter({**filters_of(tidy(request.args)), **_times()})
    matching = replace(matching, until=matching.until or clock.utc_now())  # what comes later is not meant
    times = {name: time.isoformat() for name in ("since", "until") if (time := getattr(matching, name))}
    return matching_ids(matching, expected), times


def _question(
    action: str, count: int, ids: list[str] | None = None, times: dict[str, str] | None = None, **said: Any
) -> str:
    filters = filters_of(tidy(request.args)) if "all" in request.form else {}
    return render_template(
        "jobs_confirm.html",
        action=action,
        what=in_words(filters, count),
        count=count,
        ids=[] if "all" in request.form else ids or [],
        named=desk().jobs.load((ids or [])[:NAMED_JOBS]),
        times=times or {},
        act_url=list_url(tidy(request.args)),
        list_url=list_url(tidy(request.args)),
        **said,
    )
