"""Reserve jobs: one call of Redis ends the job before, if that has succeeded, and reserves the next (cycle.lua)."""

from __future__ import annotations

import uuid
from base64 import b64encode
from typing import Any, NamedTuple

from taskdesk.jobs.job_hash import stamp_text
from taskdesk.jobs.keys import queue_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import Script
from taskdesk.service.errors import AppError
from taskdesk.service.logs import job_fields, set_default_fields
from taskdesk.worker.answers import Next, Previous
from taskdesk.worker.callback_names import CallbackNames
from taskdesk.worker.child.queue_order import QueueOrder
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.failure import Failure
from taskdesk.worker.job_data import reference_of
from taskdesk.worker.leases import EXECUTION_LEASE_SECONDS
from taskdesk.worker.scripts import ADOPT, CYCLE
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.memory import SharedMemory

_NEXT = {word.encode(): word for word in Next}  # to call an Enum takes 1 µs
_FIELDS = 12  # of a job; the callbacks of a job of plain RQ follow
NULL = b"null"  # a result that needs no room


class ReservedJob(NamedTuple):
    """A job that this worker holds. `timeout` in seconds, below 1 for none."""

    id: str
    execution: str
    queue: str
    data: bytes | None
    timeout: int
    result_ttl: int
    is_plain: bool  # no repetition, dependencies or limit of RQ's, and a result to keep: the script can end it
    enqueued_at: bytes | None
    request_id: str
    callbacks: CallbackNames | None = None

    @property
    def seconds(self) -> int:
        """The seconds that the job may take with its callbacks, below 1 for any number."""
        return self.timeout + self.callbacks.seconds if self.callbacks and self.timeout > 0 else self.timeout

    @property
    def log_fields(self) -> dict[str, str]:
        """The fields by which a line of the log names the job."""
        return job_fields(self.id, self.request_id)

    def is_of(self, references: set[str]) -> bool:
        """Return True if the job's task is one of these."""
        return bool(references) and reference_of(self.data) in references


class EndedJob(NamedTuple):
    """A job that has ended, before Redis knows. `content`, `kinds`, `preview`: as in `Written`; times in Unix time."""

    job: ReservedJob
    reference: str  # of its task; empty if nobody can tell
    began: float
    ended: float
    seconds: float
    content: bytes = b""
    kinds: str = ""
    preview: bytes = b""
    failure: Failure | None = None
    refusal: AppError | None = None  # why it did not begin, if another worker may run it; then it also has a failure


class Reservation(NamedTuple):
    """The answer of cycle.lua.

    `previous`: a Previous, about the job that has succeeded. `job`: the next one, if there is one.
    `paused`: keys of queues from which none is taken.
    """

    previous: int
    job: ReservedJob | None = None
    is_to_ask_again: bool = False
    is_suspended: bool = False
    paused: frozenset[str] = frozenset()

    @classmethod
    def of(cls, answer: Any, settings: WorkerSettings) -> Reservation:
        previous, following = answer[0], _NEXT[answer[1]]
        if following is Next.JOB:
            return cls(previous, _reserved(answer[2:], settings))
        paused = answer[2] if following is Next.PAUSED else ()
        return cls(
            previous,
            is_to_ask_again=following is Next.AGAIN,
            is_suspended=following is Next.SUSPENDED,
            paused=frozenset(queue_key(queue.decode()) for queue in paused),
        )


class Reserver:
    def __init__(
        self,
        settings: WorkerSettings,
        connection: ScriptConnection,
        worker_name: str,
        order: QueueOrder,
        shared: SharedMemory,
        state: ChildState,
    ):
        self._settings = settings
        self._connection = connection
        self._worker_name = worker_name
        self._order = order
        self._activity = shared.activity
        self._foreign = shared.foreign
        self._state = state
        self._execution_prefix = uuid.uuid4().hex[:16]  # of the ids of executions; the number follows
        self._number = self._activity.totals()[0].total()  # of the reservation; the next child goes on counting

    def reserve(self, ended: EndedJob | None = None) -> Reservation:
        """End a job, if one has succeeded, and reserve the next, unless this process takes no more."""
        reservation = Reservation.of(self._connection.call(*self._command(ended)), self._settings)
        if reservation.previous == Previous.NEEDS_RQ:
            return reservation  # should this process die now, its supervisor has to see which job it was at
        self._state.has_result = False
        if not reservation.job:
            self._activity.clear()
            set_default_fields({})
        return reservation

    def send(self, ended: EndedJob | None, begins: ReservedJob) -> bool:
        """As `reserve`, while job `begins` runs; `receive` has to be called next. False if Redis is away."""
        return self._connection.send(*self._command(ended, begins))

    def receive(self) -> Reservation:
        return Reservation.of(self._connection.answer(), self._settings)

    def _command(
        self, ended: EndedJob | None, begins: ReservedJob | None = None
    ) -> tuple[Script, tuple[str, ...], tuple[Any, ...]]:
        self._number += 1
        keys = self._order.at(self._number) if self._state.takes_jobs else ()
        now = now_text()
        arguments: tuple[Any, ...] = (
            *(self._worker_name, now, f"{self._execution_prefix}{self._number:x}", EXECUTION_LEASE_SECONDS),
            *((begins.id, begins.execution) if begins else ("", "")),
        )
        if ended:
            job = ended.job
            arguments += (
                *(job.id, job.execution, job.queue),
                b64encode(ended.content) if ended.content != NULL else b"",
                *(job.result_ttl, ended.kinds, ended.began, ended.ended),
            )
            if ended.preview:
                arguments += (stamp_text(ended.content, now), ended.preview)
        if self._foreign.are_there:
            return ADOPT, keys, (*arguments, self._foreign.served)
        return CYCLE, keys, arguments


def _reserved(answer: Any, settings: WorkerSettings) -> ReservedJob:
    job_id, execution, queue, fields = answer
    data, timeout, result_ttl, _, repeats_left, dependency_ids, *_, enqueued_at, request_id, limit = fields[:_FIELDS]
    ttl = _number(result_ttl, settings.result_ttl)
    return ReservedJob(
        id=job_id.decode(),
        execution=execution.decode(),
        queue=queue.decode(),
        data=data,
        timeout=_number(timeout, settings.job_timeout),
        result_ttl=ttl,
        is_plain=ttl != 0 and not dependency_ids and not limit and repeats_left in (None, b"", b"0"),
        enqueued_at=enqueued_at,
        request_id=(request_id or b"").decode(errors="replace"),
        callbacks=CallbackNames.of(fields[_FIELDS:]) if len(fields) > _FIELDS else None,
    )


def _number(text: bytes | None, default: int) -> int:
    """A whole number of a job's hash, which other programs may have written."""
    if not text:
        return default
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return default
