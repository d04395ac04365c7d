"""The page of a job: its status, its log and its result."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from taskdesk.jobs.action import Action
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.errors import InvalidArguments, JobNotFound, ResultGone, TaskNotFound, UnreadableResult
from taskdesk.jobs.job import Job
from taskdesk.jobs.joblog import MAX_LOG_BYTES, Log, read_log
from taskdesk.jobs.log_times import LineTime, read_times
from taskdesk.service.errors import AppError
from taskdesk.service.outbound import shown_url
from taskdesk.web.context import desk
from taskdesk.web.links import artifact_urls, job_object
from taskdesk.web.pages.view.action_options import option_field, problem_of, read_option
from taskdesk.web.pages.view.durations import took
from taskdesk.web.pages.view.fields import FormField
from taskdesk.web.pages.view.hints import hint_for
from taskdesk.web.pages.view.log_lines import log_lines
from taskdesk.web.pages.view.numbers import number_text
from taskdesk.web.pages.view.outcomes import notice
from taskdesk.web.pages.view.parts import parts_left_out, shown_parts
from taskdesk.web.pages.view.progress_estimate import progress_estimate
from taskdesk.web.pages.view.timeline import timeline
from taskdesk.web.pages.view.tracebacks import stretches
from taskdesk.web.pages.view.tree import json_text

LOG_SHOWN = 100_000  # characters: static/log.js keeps as many
LOG_BEGINNING = 20_000  # characters that are shown in addition of a longer log
_TOOLS = {function.__name__: function for function in (hint_for, json_text, number_text, stretches)}


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs/<job_id>")(show_job)


def show_job(job_id: str) -> str | tuple[str, int]:
    try:
        job = desk().job(job_id)
    except JobNotFound:
        done = ACTIONS.get(request.args.get("done", ""))
        if not (done and done.removes_job):
            raise
        return render_template("job/deleted.html"), 404
    return render_template("job.html", **_content(job), **_result(job), **_TOOLS)


def _content(job: Job) -> dict[str, Any]:
    shown = job_object(job, whole=not job.is_final)
    try:
        spec = desk().catalog.task(job.task)
    except TaskNotFound:
        spec = None  # its workers may be gone; the page shows the job all the same
    fitting = [action for action in ACTIONS.values() if action.fits(job)]
    log = read_log(desk().redis, job.id)
    return {
        "job": shown,
        "owner": job.owner,
        "took": took(job),
        "uploads": job.uploads,
        "order": list(spec.parameters) if spec else [],
        "defaults": job.defaults,
        "spec": spec,
        "is_final": job.is_final,
        "notice": notice(job, request.args.get("done", "")),
        "actions": fitting,
        "no_retry": _no_retry(job),
        "confirming": request.args.get("confirm", ""),
        "option_fields": {action.name: _option_field(action, job) for action in fitting if action.option},
        "estimate": progress_estimate(job, shown.get("typical_seconds")),
        "kept_files": job.kept_files,
        "traceback": desk().jobs.results.traceback(job.id) if job.status == "failed" else "",
        **_log(job, log),
        "webhook": shown_url(job.webhook),
        "deliveries": desk().deliveries.of(job.id) if job.webhook else [],
        "timeline": timeline(job, spec.retries + 1 if spec else 1),
    }


def _option_field(action: Action, job: Job) -> FormField:
    """Return the field of an action. An option that was refused stands in the query, so that the page says why."""
    assert action.option
    at = job.scheduled_at.strftime("%Y-%m-%dT%H:%M") if job.scheduled_at else ""
    given = request.args.get(action.option.name)
    if given is None:
        return option_field(action, desk(), {"at": at, "queue": job.queue}[action.option.name])
    try:
        read_option(action, desk(), request.args)
    except InvalidArguments as error:
        return option_field(action, desk(), given, problem_of(error))
    return option_field(action, desk(), given)


def _log(job: Job, log: Log) -> dict[str, Any]:
    """Return the end of a log, from the beginning of a line, and its beginning if that is not all.

    `log_line`: the number of its first line, 0 if that is unknown, as something is left out before it.
    """
    began = job.attempts[0].started_at if job.attempts else job.started_at
    times = [LineTime(0, int(began.timestamp()))] if began else []
    times += read_times(desk().redis, job.id) if log.text else []
    is_cut = len(log.text) > LOG_SHOWN
    end = log.text[-LOG_SHOWN:]
    end = end if not is_cut else end.partition("\n")[2] or end
    return {
        "log": log_lines(end, log.size - len(end.encode(errors="replace")), times),
        "log_line": 0 if log.size > MAX_LOG_BYTES else 1 + log.text.count("\n", 0, len(log.text) - len(end)),
        "log_beginning": log_lines(log.text[:LOG_BEGINNING], 0, times) if is_cut else "",
        "log_bytes": log.size,
        "is_log_cut": is_cut,
    }


def _no_retry(job: Job) -> str:
    """Return the reason why a job that has ended, or is damaged, can't be retried; empty if it can."""
    try:
        desk().task_of_retry(job)
    except AppError as error:
        return str(error) if job.is_final or job.is_unreadable else ""
    return ""


def _result(job: Job) -> dict[str, Any]:
    """Return the parts of the result, or a sentence that says why there are none."""
    if job.status != "succeeded":
        return {}
    try:
        preview = desk().jobs.results.preview(job)
    except (ResultGone, UnreadableResult) as error:
        return {"result_fault": str(error)}
    more = parts_left_out(preview)
    return {"parts": shown_parts(preview), "parts_left_out": more, "file_url": artifact_urls(job, request.script_root)}
