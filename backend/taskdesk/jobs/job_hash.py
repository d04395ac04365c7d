"""Read a job from its hash in Redis: RQ's fields and ours (fields.py). A submit writes it: see submitted_job.py.

Our fields are plain text or JSON, never `job.meta`, which RQ's tools may rewrite as a pickle.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from taskdesk.jobs.checkpoints import Place
from taskdesk.jobs.damage import DAMAGE, damaged_fields, is_wrong_type, read_time
from taskdesk.jobs.events import Progress
from taskdesk.jobs.fields import (
    ATTEMPTS,
    CAUSE,
    DEFAULTS,
    ERROR,
    FOREIGN,
    KEPT,
    OWNER,
    PLAIN,
    PROGRESS,
    REQUEST,
    RESULT_KINDS,
    RESULT_STAMP,
    RESUMED,
    RETRIED_AS,
    RETRY_OF,
    SECRETS,
    TAGS,
    TASK,
    UPLOADS,
    WEBHOOK,
)
from taskdesk.jobs.job import Attempt, Job, ResultStamp, Wait
from taskdesk.jobs.losses import WORKER_LOST
from taskdesk.jobs.status import Status, status_of
from taskdesk.jobs.stored_call import StoredCall, read_call
from taskdesk.service import clock

# The fields that a list shows. A job's arguments (`data`) and its earlier attempts may be large.
LISTED = (
    *("status", "origin", "description", "created_at", "enqueued_at", "started_at", "ended_at"),
    *("retries_left", "retry_intervals", "number_of_retries", TASK, TAGS, RETRY_OF, KEPT, OWNER, REQUEST, PLAIN),
    *(
        PROGRESS,
        RESULT_KINDS,
        RESULT_STAMP,
        ERROR,
        FOREIGN,
        CAUSE,
        RETRIED_AS,
        "rate_limit_key",
        "rate_limit_concurrency",
    ),
)
WHOLE = ("data", DEFAULTS, UPLOADS, SECRETS, "worker_name", ATTEMPTS, RESUMED, WEBHOOK, *LISTED)
NAMELESS = "-"  # stands for the task of a handed-back job whose data is unreadable
_TAKEN_BY_RQ = WORKER_LOST.error  # RQ's own code ended the job of a worker that was silent, and left no error of ours
_LONGEST_TTL_MS = 100 * 365 * 24 * 3600 * 1000  # a time beyond the year 9999 is none


def load(pipeline_answers: Sequence[Any], job_ids: Sequence[str], fields: Sequence[str]) -> list[Job | None]:
    """Return the jobs of these answers of HMGET and PTTL, two for each id; None for a job that is gone."""
    rows = zip(job_ids, pipeline_answers[::2], pipeline_answers[1::2], strict=True)
    return [
        _unreadable(job_id) if is_wrong_type(values) else restore(job_id, dict(zip(fields, values, strict=True)), ttl)
        for job_id, values, ttl in rows
    ]


def restore(job_id: str, fields: Mapping[str, bytes | None], ttl: int) -> Job | None:
    """Return the job of these fields of its hash, which expires in `ttl` milliseconds; None if there is no such job.

    Damaged fields are left out, and the summary names them.
    """
    rq_status = fields["status"]
    if rq_status is None:
        return _salvage(job_id, fields, b"", ttl) if any(fields.values()) else None
    try:
        return _restore(job_id, fields, rq_status, ttl)
    except DAMAGE:
        return _salvage(job_id, fields, rq_status, ttl)


def _salvage(job_id: str, fields: Mapping[str, bytes | None], rq_status: bytes, ttl: int) -> Job:
    word = rq_status if rq_status.isascii() and rq_status else Status.QUEUED.rq.encode()
    damaged = damaged_fields(fields, lambda some: _restore(job_id, {**some, "status": word}, word, ttl))
    damaged += ["status"] if word != rq_status else []
    job = _restore(job_id, {**fields, **dict.fromkeys(damaged)}, word, ttl)
    return replace(job, summary=f"Unreadable in Redis: {', '.join(damaged)}. {job.summary}")


def _unreadable(job_id: str) -> Job:
    """Return the job of a key that holds no hash."""
    return replace(_salvage(job_id, dict.fromkeys(WHOLE), b"\xff", -1), is_unreadable=True)


def _restore(job_id: str, fields: Mapping[str, bytes | None], rq_status: bytes, ttl: int) -> Job:
    status = status_of(rq_status, fields.get(FOREIGN))
    call = read_call(fields["data"]) if "data" in fields else StoredCall("")
    description = _text(fields["description"])
    current = fields[PROGRESS]
    retries = len(json.loads(fields["retry_intervals"] or b"[]"))
    return Job(
        id=job_id,
        task=_text(fields[TASK]) or (call.reference or description.partition("(")[0]).rpartition(".")[2],
        status=status,
        queue=_text(fields["origin"]),
        summary=summary_of(description),
        input=None if call.positional else call.named,
        input_fault=call.fault,
        call=(call.positional, call.named or {}) if call.positional else None,
        progress=_progress(json.loads(current)) if current else None,
        result_kinds=_kinds(json.loads(fields[RESULT_KINDS] or b"null")),
        error=_error(json.loads(fields[ERROR] or b"null")) or (_TAKEN_BY_RQ if status is Status.FAILED else None),
        tags=tuple(_text(fields[TAGS]).split()),
        attempt=1 + int(fields["number_of_retries"] or 0) + retries - int(fields["retries_left"] or retries),
        retry_of=_text(fields[RETRY_OF]) or None,
        retried_as=_text(fields[RETRIED_AS]) or None,
        cause=_text(fields[CAUSE]),
        is_kept=bool(fields[KEPT]),
        created_at=read_time(fields["created_at"]),
        enqueued_at=read_time(fields["enqueued_at"]),
        started_at=read_time(fields["started_at"]),
        ended_at=read_time(fields["ended_at"]),
        expires_at=clock.utc_now() + timedelta(milliseconds=min(ttl, _LONGEST_TTL_MS)) if ttl > 0 else None,
        worker=_text(fields.get("worker_name")),
        attempts=tuple(map(_attempt, json.loads(fields.get(ATTEMPTS) or b"[]"))),
        resumed=_place(json.loads(fields.get(RESUMED) or b"null")),
        owner=_text(fields[OWNER]),
        request_id=_text(fields[REQUEST]),
        is_plain=bool(fields[PLAIN]),
        wait=_wait(rq_status, fields) if status is Status.WAITING else None,
        result_stamp=_stamp(fields[RESULT_STAMP], fields["ended_at"]),
        file_parameters=None if fields.get(UPLOADS) is None else tuple(_text(fields.get(UPLOADS)).split()),
        secrets=frozenset(_text(fields.get(SECRETS)).split()),
        webhook=_text(fields.get(WEBHOOK)),
        defaults=dict(json.loads(fields.get(DEFAULTS) or b"{}")),
    )


def with_due(job: Job, score: float | None) -> Job:
    """Return a scheduled job with the time at which it is due: its score in RQ's registry."""
    return replace(job, scheduled_at=datetime.fromtimestamp(score, UTC)) if score else job


def summary_of(description: str) -> str:
    """Return the arguments of a call that RQ describes, such as "tasks.add(x=1)"."""
    return description.partition("(")[2].removesuffix(")")


def _attempt(stored: dict[str, Any]) -> Attempt:
    started, ended = (str(stored.get(name) or "").encode() for name in ("started_at", "ended_at"))
    error = _error(stored["error"])
    if error is None:
        raise ValueError("an attempt without its error")
    return Attempt(read_time(started), read_time(ended), _texts(stored.get("worker") or "")[0], error)


def _error(stored: Any) -> dict[str, Any] | None:
    """Return an error as the worker writes it. Raises an error of DAMAGE."""
    if stored is None:
        return None
    _texts(stored["title"], stored["detail"], stored.get("type", ""), stored.get("frame", ""))
    return dict(stored)


def _kinds(stored: Any) -> Any:
    """Return the kind of a result, or of each of its parts. A list has a kind and the places of the files inside."""
    for kind in stored.values() if isinstance(stored, dict) else [stored or ""]:
        _texts(*(kind if isinstance(kind, list) else [kind]))
    return stored


def stamp_text(content: bytes, ended_at: str) -> str:
    """Return the stamp of a large result of the job that ended then (as RQ writes the time)."""
    return f"{len(content)} {zlib.crc32(content)} {ended_at}"


def _stamp(stored: bytes | None, ended_at: bytes | None) -> ResultStamp | None:
    """Return the stamp; None if RQ's own worker has run the job again since: it leaves our fields as they are."""
    if stored is None:
        return None
    size, checksum, its_end = stored.split()
    return ResultStamp(int(size), int(checksum)) if its_end == ended_at else None


def _place(stored: Any) -> Place | None:
    if stored is None:
        return None
    done, total = (None if number is None else int(number) for number in stored)
    return Place(done, total)


def _progress(stored: Any) -> Progress:
    current, total, message = stored
    if not (math.isfinite(current) and math.isfinite(total)):
        raise ValueError("progress without bounds")
    return Progress(current, total, *_texts(message))


def _texts(*values: Any) -> tuple[str, ...]:
    """Return the values. Raises ValueError if one is no text."""
    if not all(isinstance(value, str) for value in values):
        raise ValueError("a text is missing")
    return values


def _wait(rq_status: bytes, fields: Mapping[str, bytes | None]) -> Wait:
    match rq_status:
        case b"deferred":
            return Wait("It waits for other jobs to end.")
        case b"ready_to_enqueue":
            return Wait("The jobs that it waited for have ended, and it is about to be queued.")
        case b"rate_limited":
            limit, most = _text(fields.get("rate_limit_key")), _text(fields.get("rate_limit_concurrency"))
            return Wait(f"It waits for its turn: the limit {limit} lets {most} of its jobs be queued or run at a time.")
        case _:
            state = json.loads(fields[FOREIGN] or b"{}")
            reason, wanted = _texts(state["reason"], state["wanted"])
            return Wait(reason, "" if state["refused"] or wanted == NAMELESS else wanted)


def _text(value: bytes | None) -> str:
    return (value or b"").decode()
