"""The message that tells a webhook of the end of a job. docs/webhooks.md describes it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from taskdesk.jobs.damage import read_time
from taskdesk.jobs.deliveries import MAX_BODY_BYTES, Message
from taskdesk.jobs.errors import JobExpired, JobNotFound, ResultGone, UnreadableResult
from taskdesk.jobs.job import Job
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.status import BY_RQ_WORD, Status

MAX_ERROR_TEXT = 1_000  # characters of the title and of the detail of an error


def job_message(jobs: Jobs, ended: bytes, app_url: str) -> Message:
    """Return the message for an entry of ENDED (lua/webhook.lua). Raises ValueError for a damaged entry, RedisError.

    If the job is gone, or runs again by now, the message has no more than the entry.
    """
    word, ended_at, url, job_id = ended.decode().split(" ", 3)
    status, moment = BY_RQ_WORD.get(word), read_time(ended_at.encode()) if ended_at != "-" else None
    if status is None:
        raise ValueError(f"no status of a job: {word}")
    job = _job(jobs, job_id, moment)
    api, page = f"{app_url.rstrip('/')}/api/v1/jobs/{job_id}", f"{app_url.rstrip('/')}/jobs/{job_id}"
    data: dict[str, Any] = {"id": job_id, "status": status, "ended_at": _text(moment)}
    data |= _facts(job) if job else {}
    data["links"] = {"self": api, "page": page, **({"result": f"{api}/result"} if status is Status.SUCCEEDED else {})}
    document = {"type": f"job.{status}", "timestamp": _text(moment), "data": data}
    body = _json({**document, "data": {**data, **_result(jobs, job, api)}}) if job else _json(document)
    return Message(url, body if len(body) <= MAX_BODY_BYTES else _json(document), job_id, f"job.{status}")


def _job(jobs: Jobs, job_id: str, ended_at: datetime | None) -> Job | None:
    try:
        job = jobs.get(job_id)
    except (JobNotFound, JobExpired):
        return None
    return job if job.is_final and job.ended_at == ended_at and not job.is_unreadable else None


def _facts(job: Job) -> dict[str, Any]:
    error = job.error and {name: str(job.error.get(name, ""))[:MAX_ERROR_TEXT] for name in ("type", "title", "detail")}
    return {
        "task": job.task,
        "queue": job.queue,
        "tags": list(job.tags),
        "owner": job.owner or None,
        "attempt": job.attempt,
        "retry_of": job.retry_of,
        "created_at": _text(job.created_at),
        "started_at": _text(job.started_at),
        "error": error,
    }


def _result(jobs: Jobs, job: Job, api: str) -> dict[str, Any]:
    """Return the result, if it is small enough; its files have links."""
    if job.status is not Status.SUCCEEDED:
        return {}
    try:
        text = jobs.results.text(job)
        if len(text) > MAX_BODY_BYTES:
            return {}
        return {"result": json.loads(jobs.results.linked(job, text, lambda name: f"{api}/artifacts/{name}"))}
    except (ResultGone, UnreadableResult):
        return {}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _text(moment: datetime | None) -> str | None:
    """Return the time in RFC 3339, in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
