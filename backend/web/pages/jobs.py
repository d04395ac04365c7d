"""The page of a job: its state, its log, and what it made."""

from __future__ import annotations

from flask import Blueprint, render_template
from markdown_it import MarkdownIt
from markupsafe import Markup

from jobkit.errors import TaskNotFound
from jobkit.events import read_log
from web.desk import desk
from web.present import job_object, result_parts

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs/<job_id>")(show_job)


def show_job(job_id: str) -> str:
    job = desk().jobs.get(job_id)
    try:
        spec = desk().catalog.task(job.task)
    except TaskNotFound:
        spec = None  # its workers may be gone; the job is still to be seen
    return render_template(
        "job.html",
        job=job_object(job, whole=not job.is_final),
        spec=spec,
        is_final=job.is_final,
        parts=result_parts(job, desk().jobs.result(job)) if job.status == "succeeded" else [],
        traceback=desk().jobs.traceback(job_id) if job.status == "failed" else "",
        log=read_log(desk().redis, job_id),
        to_html=_to_html,
    )


def _to_html(markdown: str) -> Markup:
    """Markdown as HTML; HTML in it is shown as text, and it can't load pictures from elsewhere."""
    return Markup(_MARKDOWN.render(markdown))
