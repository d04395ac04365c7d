"""The failures, grouped by their cause: what fails, since when and how often; retry, mute or resolve it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.cause import Cause, State
from taskdesk.jobs.cause_actions import CAUSE_ACTIONS, CauseAction
from taskdesk.jobs.causes import counts
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.schema_rules import sentence
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.exchange import user_name
from taskdesk.web.pages.view.filters import list_url
from taskdesk.web.pages.view.sparkline import bars
from taskdesk.web.query import page_limit

CAUSES_SHOWN = 30
JOBS_SHOWN = 10


def add_routes(bp: Blueprint) -> None:
    bp.get("/failures")(list_failures)
    bp.get("/failures/<cause_id>")(show_failure)
    for action in CAUSE_ACTIONS.values():
        path, endpoint = f"/failures/<cause_id>/{action.name}", f"{action.name}_failure"
        bp.add_url_rule(path, endpoint, _view(action), methods=["POST"])


def list_failures() -> str:
    state = _state(request.args)
    summaries = desk().causes.summaries()
    limit, cursor = page_limit(request.args, CAUSES_SHOWN), request.args.get("cursor")
    causes, following = desk().causes.page(limit, cursor, state=state, summaries=summaries)
    return render_template(
        "failures.html",
        causes=causes,
        state=state,
        counts={one: number for one, (number, _) in counts(summaries).items()},
        next_url=following and list_url({"state": state, "cursor": following}, "pages.list_failures"),
        done=_done(),
        **_tools(),
    )


def show_failure(cause_id: str) -> str:
    cause = desk().causes.get(cause_id)
    jobs, _ = desk().jobs.page(JOBS_SHOWN, matching=Filter(cause=cause.id))
    return render_template("failure.html", cause=cause, jobs=jobs, done=_done(), **_tools())


def _view(action: CauseAction) -> Callable[[str], Response]:
    @needs(action.role)
    def change_failure(cause_id: str) -> Response:
        desk().causes.change(cause_id, action.state, user_name())
        return redirect(url_for("pages.show_failure", cause_id=cause_id, done=action.name), 303)

    return change_failure


def _state(query: Mapping[str, str]) -> State:
    try:
        return State(query.get("state", State.OPEN))
    except ValueError:
        raise InvalidArguments([FieldError("/state", sentence("enum", [*State]))]) from None


def _done() -> str:
    action = CAUSE_ACTIONS.get(request.args.get("done", ""))
    return action.done if action else ""


def _tools() -> dict[str, object]:
    return {"bars": bars, "actions_for": _actions_for, "jobs_url": _jobs_url}


def _actions_for(cause: Cause) -> list[CauseAction]:
    return [action for action in CAUSE_ACTIONS.values() if action.fits(cause)]


def _jobs_url(cause: Cause) -> str:
    return list_url({"status": "failed", "cause": cause.id})
