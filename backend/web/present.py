"""Jobs and tasks as the API and the pages show them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from jobkit.catalog import TaskSpec
from jobkit.job import Job
from web.desk import desk

INLINE_BYTES = 64 * 1024


def task_object(spec: TaskSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "reference": spec.reference,
        "title": spec.title,
        "description": spec.description,
        "queue": {"name": spec.queue, "workers_online": desk().catalog.read().workers_online(spec.queue)},
        "timeout": spec.timeout,
        "retries": spec.retries,
        "input_schema": spec.input_schema,
        "links": {"self": url_for("api.show_task", name=spec.name), "jobs": url_for("api.create_job", name=spec.name)},
    }


def job_object(job: Job, *, with_result: bool = False) -> dict[str, Any]:
    """The job as the API shows it; the result's value only if asked for, and if it is small."""
    shown: dict[str, Any] = {
        "id": job.id,
        "task": job.task,
        "status": job.status,
        "queue": {"name": job.queue, "workers_online": desk().catalog.read().workers_online(job.queue)},
        "progress": job.progress.as_dict() if job.progress else None,
        "input": job.input,
        "created_at": _time(job.created_at),
        "enqueued_at": _time(job.enqueued_at),
        "started_at": _time(job.started_at),
        "ended_at": _time(job.ended_at if job.is_final else None),
        "expires_at": _time(job.expires_at),
        "links": {"self": url_for("api.show_job", job_id=job.id), "events": url_for("api.job_events", job_id=job.id)},
    }
    if job.error or job.status in ("failed", "canceled"):  # a job that waits for its next try has one, too
        lost = {"type": "WorkerLost", "title": "Worker lost", "detail": "The worker that ran the job was lost."}
        shown["error"] = job.error or (lost if job.status == "failed" else None)
    if job.status == "succeeded":
        shown["links"]["result"] = url_for("api.job_result", job_id=job.id)
        if with_result:
            shown["result"] = _result_object(job)
    return shown


def _result_object(job: Job) -> dict[str, Any]:
    parts = [part.as_dict() for part in result_parts(job, desk().jobs.result(job))]
    url = url_for("api.job_result", job_id=job.id)
    if isinstance(job.result_kinds, dict):
        return {"kind": "parts", "url": url, "parts": parts}
    [part] = parts
    del part["name"]
    return {**part, "url": url}


@dataclass(frozen=True)
class Part:
    """One thing that a job returned. `url` is set for pictures and files; `kind` as in runner: text, json, table, …"""

    name: str
    kind: str
    value: Any
    url: str | None = None

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    def as_dict(self) -> dict[str, Any]:
        """As the API shows it: a value over INLINE_BYTES is left out, and only its size is told."""
        shown = {"name": self.name, "kind": self.kind}
        if self.url:
            return {**shown, **self.value, "url": self.url}
        size = len(json.dumps(self.value))
        return {**shown, "value": self.value} if size <= INLINE_BYTES else {**shown, "size": size}


def result_parts(job: Job, value: Any) -> list[Part]:
    """The parts of a result, in the task's order; one part named "result" where there are no names."""
    kinds = job.result_kinds or ("text" if isinstance(value, str) else "json")
    if not isinstance(kinds, dict):
        return [_part(job, "result", kinds, value)]
    return [_part(job, name, kind, value[name]) for name, kind in kinds.items()]


def _part(job: Job, name: str, kind: str, value: Any) -> Part:
    url = url_for("api.job_artifact", job_id=job.id, name=value["artifact"]) if kind in ("file", "picture") else None
    return Part(name, kind, value, url)


def _time(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
