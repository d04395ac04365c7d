"""A job as Redis has it: RQ's hash, with our own fields in it.

Our fields (`td_*`) appear, expire and vanish with the hash; RQ ignores them. They are plain text or JSON, never
`job.meta`, which tools of RQ may rewrite as a pickle.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from taskdesk.jobs.artifacts import Artifact
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.events import Progress
from taskdesk.jobs.keys import FOREIGN
from taskdesk.jobs.rq_time import now_text
from taskdesk.service import clock

TASK, TAGS, RETRY_OF, KEPT, OWNER = "td_task", "td_tags", "td_retry_of", "td_kept", "td_owner"
REQUEST = "td_request"  # the id of the request that submitted it; the worker's log names it, too
PROGRESS, RESULT_KINDS, ERROR = "td_progress", "td_result", "td_error"
STOP = "td_stop"  # a running job was asked to stop: lua/cancel.lua writes it, every end of a job obeys it
ATTEMPTS = "td_attempts"  # worker/lua/endings.lua writes it

STATUSES = {
    "created": "queued",
    "queued": "queued",
    "started": "running",
    "finished": "succeeded",
    "failed": "failed",
    "deferred": "waiting",
    "scheduled": "scheduled",
    "canceled": "canceled",
    "stopped": "canceled",
}
NAMELESS = "-"  # what a handed-back job calls whose data nobody could read
EVERY_STATUS = tuple(dict.fromkeys(STATUSES.values()))
FINAL = frozenset({"succeeded", "failed", "canceled"})

# What a list shows; a job's arguments (`data`) and its attempts may be large.
LISTED = (
    *("status", "origin", "description", "created_at", "enqueued_at", "started_at", "ended_at"),
    *(
        "retries_left",
        "retry_intervals",
        TASK,
        TAGS,
        RETRY_OF,
        KEPT,
        OWNER,
        REQUEST,
        PROGRESS,
        RESULT_KINDS,
        ERROR,
        FOREIGN,
    ),
)
WHOLE = ("data", "worker_name", ATTEMPTS, *LISTED)
# Of a failed job that has no error of ours: RQ's own code took it from a worker that was silent.
LOST = {"type": "WorkerLost", "title": "Worker lost", "detail": "The worker that ran the job was lost."}
_ARTIFACT = Artifact.__annotations__.keys()
_LONGEST_BACKOFF = 300  # seconds


@dataclass(frozen=True)
class Retention:
    """How long a job is kept after its end, in seconds."""

    result_ttl: int
    failure_ttl: int


@dataclass(frozen=True)
class Attempt:
    """A try of a job that was followed by another: `error` as that of a job; `worker` is empty if nobody knows."""

    started_at: datetime | None
    ended_at: datetime | None
    worker: str
    error: dict[str, Any]


@dataclass(frozen=True)
class HandedBack:
    """Why a job waits: no worker that took it could run it. `reference`: of the task that no worker had, or empty."""

    reason: str
    reference: str


@dataclass(frozen=True)
class Job:
    """A job at one moment. `input` is None in a list, and where its data can't be read; `summary` is its beginning.

    `scheduled_at`: when one that is scheduled, or waits for its next try, is put on its queue.
    `handed_back`: of one that waits for a worker that can run it.
    `owner`: who submitted it; empty where nobody had to log in. `request_id`: by which request; or empty.
    A list has no `worker` (that of the last try) and no `attempts` (the tries before it, the last ten) either.
    """

    id: str
    task: str
    status: str
    queue: str
    summary: str
    input: dict[str, Any] | None
    progress: Progress | None
    result_kinds: Any
    error: dict[str, Any] | None
    tags: tuple[str, ...]
    attempt: int
    retry_of: str | None
    is_kept: bool
    created_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    scheduled_at: datetime | None = None
    worker: str = ""
    attempts: tuple[Attempt, ...] = ()
    owner: str = ""
    request_id: str = ""
    handed_back: HandedBack | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def uploads(self) -> dict[str, Artifact]:
        """The files that came with it, by parameter."""
        return {
            name: Artifact(**value)
            for name, value in (self.input or {}).items()
            if isinstance(value, dict) and value.keys() == _ARTIFACT
        }


def common_fields(
    spec: TaskSpec, retention: Retention, queue: str, *, is_scheduled: bool = False, **ours: str
) -> dict[str, Any]:
    """Of the hash that RQ's `Queue.enqueue` (or `enqueue_at`) would write, and our fields: what jobs of one submit
    have in common.

    What RQ writes as empty strings is left out.
    """
    now = now_text()
    fields = {
        "created_at": now,
        **({"status": "scheduled"} if is_scheduled else {"status": "queued", "enqueued_at": now}),
        "origin": queue,
        "timeout": spec.timeout,
        "result_ttl": retention.result_ttl,
        "failure_ttl": retention.failure_ttl,
        TASK: spec.name,
        **ours,
    }
    return {**fields, "retries_left": spec.retries} if spec.retries else fields


def own_fields(spec: TaskSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of the hash: what each job has for itself."""
    shown = ", ".join([f"{name}={_shown(value)}" for name, value in arguments.items()])
    fields = {"data": to_json((spec.reference, None, (), arguments)), "description": f"{spec.reference}({shown})"[:200]}
    return {**fields, "retry_intervals": json.dumps(_backoff(spec.retries))} if spec.retries else fields


def _shown(value: Any) -> str:
    """An argument in a summary; of a file its name."""
    return str(value["filename"]) if type(value) is dict and value.keys() == _ARTIFACT else repr(value)


def _backoff(retries: int) -> list[float]:
    """Seconds to wait before each retry: 1, 2, 4, … up to five minutes, each half as much less or more by chance.

    So jobs that failed together, because something that they need was away, do not come back together.
    """
    return [round(min(2.0**n, _LONGEST_BACKOFF) * random.uniform(0.5, 1.5), 3) for n in range(retries)]


def submitted(job_id: str, arguments: dict[str, Any], fields: Mapping[str, Any]) -> Job:
    """The job of these `common_fields` and `own_fields`, as `restore` would give it."""
    now = datetime.fromisoformat(fields["created_at"])
    return Job(
        id=job_id,
        task=fields[TASK],
        status=STATUSES[fields["status"]],
        queue=fields["origin"],
        summary=_summary(fields["description"]),
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
    )


def restore(job_id: str, fields: Mapping[str, bytes | None], ttl: int) -> Job | None:
    """The job of these fields of its hash, which has `ttl` more milliseconds; None if there is no such job."""
    status = fields["status"]
    if status is None:
        return None
    reference, arguments = _call(fields.get("data"))
    description = (fields["description"] or b"").decode()
    current = fields[PROGRESS]
    intervals = json.loads(fields["retry_intervals"] or b"[]")
    return Job(
        id=job_id,
        task=(fields[TASK] or b"").decode() or (reference or description.partition("(")[0]).rpartition(".")[2],
        status=status_of(status, fields.get(FOREIGN)),
        queue=(fields["origin"] or b"").decode(),
        summary=_summary(description),
        input=arguments,
        progress=Progress(*json.loads(current)) if current else None,
        result_kinds=json.loads(fields[RESULT_KINDS] or b"null"),
        error=json.loads(fields[ERROR] or b"null") or (LOST if status == b"failed" else None),
        tags=tuple((fields[TAGS] or b"").decode().split()),
        attempt=len(intervals) - int(fields["retries_left"] or len(intervals)) + 1,
        retry_of=(fields[RETRY_OF] or b"").decode() or None,
        is_kept=bool(fields[KEPT]),
        created_at=_time(fields["created_at"]),
        enqueued_at=_time(fields["enqueued_at"]),
        started_at=_time(fields["started_at"]),
        ended_at=_time(fields["ended_at"]),
        expires_at=clock.utc_now() + timedelta(milliseconds=ttl) if ttl > 0 else None,
        worker=(fields.get("worker_name") or b"").decode(),
        attempts=tuple(map(_attempt, json.loads(fields.get(ATTEMPTS) or b"[]"))),
        owner=(fields[OWNER] or b"").decode(),
        request_id=(fields[REQUEST] or b"").decode(),
        handed_back=_handed_back(fields.get(FOREIGN)) if status == b"scheduled" else None,
    )


def status_of(status: bytes, foreign: bytes | None) -> str:
    """Our word for RQ's status of a job; `foreign`: the field FOREIGN of its hash."""
    return "waiting" if foreign and status == b"scheduled" else STATUSES.get(status.decode(), "queued")


def _handed_back(foreign: bytes | None) -> HandedBack | None:
    if not foreign:
        return None
    state = json.loads(foreign)
    is_unserved = not state["refused"] and state["wanted"] != NAMELESS
    return HandedBack(state["reason"], state["wanted"] if is_unserved else "")


def with_due(job: Job, score: float | None) -> Job:
    """A scheduled job, with the time that RQ's registry has for it: its score there."""
    return replace(job, scheduled_at=datetime.fromtimestamp(score, UTC)) if score else job


def load(pipeline_answers: Sequence[Any], job_ids: Sequence[str], fields: Sequence[str]) -> list[Job | None]:
    """The jobs of what HMGET and PTTL answered for each id."""
    rows = zip(job_ids, pipeline_answers[::2], pipeline_answers[1::2], strict=True)
    return [restore(job_id, dict(zip(fields, values, strict=True)), ttl) for job_id, values, ttl in rows]


def _call(data: bytes | None) -> tuple[str, dict[str, Any] | None]:
    """What a job calls. Data that is no JSON (a pickle, say) is never loaded: such a job has no name and no input."""
    if data is None:
        return "", None
    try:
        if data[:1] == b"x":
            data = zlib.decompress(data)
        reference, _, positional, arguments = json.loads(data)
        return str(reference), None if positional else dict(arguments)  # by position only RQ's own code gives them
    except (ValueError, TypeError, zlib.error):
        return "unreadable", None


def _summary(description: str) -> str:
    return description.partition("(")[2].removesuffix(")")


def _attempt(stored: dict[str, Any]) -> Attempt:
    started, ended = (str(stored.get(name) or "").encode() for name in ("started_at", "ended_at"))
    return Attempt(_time(started), _time(ended), stored.get("worker") or "", stored["error"])


def _time(value: bytes | None) -> datetime | None:
    return datetime.fromisoformat(value.decode()) if value else None
