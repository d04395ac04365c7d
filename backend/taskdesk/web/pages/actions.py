"""Actions on the page of a job. Each is a POST; then the page comes again and says what was done."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.action import Action, act_on_one
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.errors import JobExpired, JobNotFound
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.form_token import form_token


def add_routes(bp: Blueprint) -> None:
    for action in ACTIONS.values():
        bp.add_url_rule(f"/jobs/<job_id>/{action.name}", f"{action.name}_job", _view(action), methods=["POST"])


def _view(action: Action) -> Callable[[str], Response]:
    @needs(action.role)
    def act_on_job(job_id: str) -> Response:
        try:
            outcome = act_on_one(desk(), action, job_id, form_token=form_token())
        except (
            JobNotFound,
            JobExpired,
        ):  # another tab was faster: its page says so
            return redirect(url_for("pages.show_job", job_id=job_id), 303)
        shown = outcome.new_job.id if outcome.new_job else job_id
        return redirect(url_for("pages.show_job", job_id=shown, done=action.name), 303)

    return act_on_job
