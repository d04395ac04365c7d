"""Actions on the page of a job. Each is a POST; then the page comes again and says what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.action import Action, act_on_one
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.errors import InvalidArguments, JobExpired, JobNotFound
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.form_token import form_token
from taskdesk.web.pages.view.action_options import read_option


def add_routes(bp: Blueprint) -> None:
    for action in ACTIONS.values():
        bp.add_url_rule(f"/jobs/<job_id>/{action.name}", f"{action.name}_job", _view(action), methods=["POST"])


def _view(action: Action) -> Callable[[str], Response]:
    @needs(action.role)
    def act_on_job(job_id: str) -> Response:
        try:
            option = read_option(action, desk(), request.form)
            outcome = act_on_one(desk(), action, job_id, form_token=form_token(), **option)
        except InvalidArguments:  # the option is wrong, or the task takes other arguments by now
            if not action.option:
                raise
            given: dict[str, Any] = {action.option.name: request.form.get(action.option.name)}
            return redirect(url_for("pages.show_job", job_id=job_id, confirm=action.name, **given), 303)
        except (
            JobNotFound,
            JobExpired,
        ):  # another tab was faster: its page says so
            return redirect(url_for("pages.show_job", job_id=job_id), 303)
        shown = outcome.new_job.id if outcome.new_job else job_id
        return redirect(url_for("pages.show_job", job_id=shown, done=action.name), 303)

    return act_on_job
