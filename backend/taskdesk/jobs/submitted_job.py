"""The hash of a job that is submitted, RQ's fields and ours (fields.py), and the job that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from taskdesk.jobs.artifacts import Artifact, artifacts_of
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.fields import DEFAULTS, OWNER, REQUEST, RETRY_OF, SECRETS, TAGS, TASK, UPLOADS, WEBHOOK
from taskdesk.jobs.job import Job, Retention, masked
from taskdesk.jobs.job_hash import summary_of
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.status import Status, status_of


def common_fields(
    spec: TaskSpec, retention: Retention, queue: str, *, is_scheduled: bool = False, **ours: str
) -> dict[str, Any]:
    """Return the fields that all jobs of one submit share: those of RQ's `Queue.enqueue` or `enqueue_at`, and ours.

    The fields that RQ writes as empty strings are left out.
    """
    now = now_text()
    fields = {
        "created_at": now,
        **({"status": Status.SCHEDULED.rq} if is_scheduled else {"status": Status.QUEUED.rq, "enqueued_at": now}),
        "origin": queue,
        "timeout": spec.timeout,
        "result_ttl": retention.result_ttl,
        "failure_ttl": retention.failure_ttl,
        TASK: spec.name,
        **ours,
    }
    return {**fields, "retries_left": spec.retries} if spec.retries else fields


def own_fields(spec: TaskSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in which the jobs of one submit differ."""
    files = spec.file_parameters
    uploads = {name: found for name in files if (found := artifacts_of(arguments.get(name)))} if files else {}
    shown = masked(arguments, secrets := spec.secret_parameters)
    shown = {name: shown[name] for name in spec.parameters if name in shown} | shown  # in the order of the function
    texts = [f"{name}={_names(uploads[name]) if name in uploads else _text(value)}" for name, value in shown.items()]
    description = f"{spec.reference}({', '.join(texts)})"
    fields = {"data": to_json((spec.reference, None, *spec.called(arguments))), "description": description[:200]}
    if spec.defaults:  # all jobs of a submit have the same fields
        fields[DEFAULTS] = to_json(left_out(spec, arguments)).decode()
    if files:
        fields[UPLOADS] = " ".join(uploads)
    if secrets:
        fields[SECRETS] = " ".join(sorted(secrets))
    return {**fields, "retry_intervals": json.dumps(spec.backoff.intervals(spec.retries))} if spec.retries else fields


def _text(value: Any) -> str:
    return to_json(value).decode()


def left_out(spec: TaskSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default values of the parameters that `arguments` leave out."""
    return {name: value for name, value in spec.defaults.items() if name not in arguments}


def _names(files: Sequence[Artifact]) -> str:
    return ", ".join(file.filename for file in files)


def submitted(job_id: str, arguments: dict[str, Any], fields: Mapping[str, Any]) -> Job:
    """Return the job of these `common_fields` and `own_fields`, equal to what `restore` would read."""
    now = datetime.fromisoformat(fields["created_at"])
    return Job(
        id=job_id,
        task=fields[TASK],
        status=status_of(fields["status"].encode(), None),
        queue=fields["origin"],
        summary=summary_of(fields["description"]),
        input=arguments,
        progress=None,
        result_kinds=None,
        error=None,
        tags=tuple(fields.get(TAGS, "").split()),
        attempt=1,
        retry_of=fields.get(RETRY_OF),
        is_kept=False,
        created_at=now,
        enqueued_at=now if "enqueued_at" in fields else None,
        started_at=None,
        ended_at=None,
        expires_at=None,
        owner=fields.get(OWNER, ""),
        request_id=fields.get(REQUEST, ""),
        defaults=json.loads(fields.get(DEFAULTS, "{}")),
        file_parameters=tuple(fields[UPLOADS].split()) if UPLOADS in fields else None,
        secrets=frozenset(fields.get(SECRETS, "").split()),
        webhook=fields.get(WEBHOOK, ""),
    )
