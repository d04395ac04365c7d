"""What can be done with a job on its page. Each is a POST; then comes the page again, and says what was done."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from taskdesk.jobs.job import Job
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.form_token import form_token


def add_routes(bp: Blueprint) -> None:
    bp.post("/jobs/<job_id>/cancel")(cancel_job)
    bp.post("/jobs/<job_id>/retry")(retry_job)
    bp.post("/jobs/<job_id>/keep")(keep_job)
    bp.post("/jobs/<job_id>/delete")(delete_job)


@needs("user")
def cancel_job(job_id: str) -> Response:
    desk().change(desk().cancel, job_id)
    return _back(job_id, "cancel")


@needs("user")
def retry_job(job_id: str) -> Response:
    return _back(desk().retry(desk().jobs.get(job_id), form_token=form_token()).id, "retry")


@needs("user")
def keep_job(job_id: str) -> Response:
    desk().change(desk().keep, job_id)
    return _back(job_id, "keep")


@needs("user")
def delete_job(job_id: str) -> Response:
    desk().change(desk().delete, job_id)
    return _back(job_id, "delete")


def _back(job_id: str, done: str) -> Response:
    return redirect(url_for("pages.show_job", job_id=job_id, done=done), 303)


def notice(job: Job, done: str) -> str:
    """A sentence for what was done, if that shows in the job; the address may say anything."""
    if done == "cancel" and job.status == "running":
        return "The job is being stopped: its worker ends it within 5 seconds."
    if done == "cancel" and job.status in ("succeeded", "failed"):
        return "The job had ended before it could be canceled."
    if done == "retry" and job.retry_of:
        return "This is a new job with the same input."
    return "The job is kept: it does not expire." if done == "keep" and job.is_kept else ""
