"""Reserve jobs: one call of Redis ends those that have succeeded, and reserves the next (cycle.lua)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from taskdesk.jobs.keys import queue_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import Script
from taskdesk.service.logs import set_default_fields
from taskdesk.worker.answers import Next, Previous
from taskdesk.worker.callback_names import CallbackNames
from taskdesk.worker.child.queue_order import QueueOrder
from taskdesk.worker.child.reserved_job import ReservedJob
from taskdesk.worker.child.script_connection import PackedValues, ScriptConnection
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.child.successes import Successes
from taskdesk.worker.leases import EXECUTION_LEASE_SECONDS
from taskdesk.worker.scripts import ADOPT, CYCLE
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.memory import SharedMemory

_NEXT = {word.encode(): word for word in Next}  # to call an Enum takes 1 µs
_FIELDS = 12  # of a job; the callbacks of a job of plain RQ follow


class Reservation(NamedTuple):
    """The answer of cycle.lua.

    `previous`: a Previous for each success that Redis was told of. `jobs`: the next ones.
    `paused`: keys of queues from which none is taken.
    """

    previous: Sequence[int]
    jobs: Sequence[ReservedJob] = ()
    is_to_ask_again: bool = False
    is_suspended: bool = False
    paused: frozenset[str] = frozenset()

    @property
    def job(self) -> ReservedJob | None:
        return self.jobs[0] if self.jobs else None

    @classmethod
    def of(cls, answer: Any, settings: WorkerSettings) -> Reservation:
        previous, following = answer[0], _NEXT[answer[1]]
        if following is Next.JOB:
            return cls(previous, [_reserved(job, settings) for job in answer[2]])
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
        successes: Successes,
        state: ChildState,
    ):
        self._settings = settings
        self._connection = connection
        self._worker_name = worker_name
        self._order = order
        self._activity = shared.activity
        self._foreign = shared.foreign
        self._successes = successes
        self._state = state
        self._execution_prefix = uuid.uuid4().hex[:16]  # of the ids of executions; the number follows
        self._number = self._activity.totals()[0].total()  # of the reservation; the next child goes on counting

    def reserve(self) -> Reservation:
        """Tell Redis of the successes, and reserve the next job, unless this process takes no more."""
        self._connection.send(*self._command())
        self._successes.are_sent()
        reservation = self.receive()
        if Previous.NEEDS_RQ in reservation.previous:
            return reservation  # should this process die now, its supervisor has to see which job it was at
        self._state.has_result = False
        if not reservation.jobs:
            self._activity.clear()
            set_default_fields({})
        return reservation

    def prefetch(self, begin: Sequence[ReservedJob], wanted: int) -> bool:
        """Tell Redis of the successes and of the jobs that begin now, and ask for as many jobs as wanted.

        `receive` has to be called next. Return False if Redis is away: then it was told nothing.
        """
        is_sent = self._connection.send(*self._command(begin, wanted))
        if is_sent:
            self._successes.are_sent()
        return is_sent

    def receive(self) -> Reservation:
        return Reservation.of(self._connection.answer(), self._settings)

    def _command(
        self, begin: Sequence[ReservedJob] = (), wanted: int = 1
    ) -> tuple[Script, tuple[str, ...], tuple[Any, ...], PackedValues]:
        self._number += 1
        keys = self._order.at(self._number) if self._state.takes_jobs else ()
        first, *others = [(job.id, job.execution) for job in begin] or [("", "")]
        arguments: tuple[Any, ...] = (
            *(self._worker_name, now_text(), f"{self._execution_prefix}{self._number:x}", EXECUTION_LEASE_SECONDS),
            *(wanted, *first, " ".join(map(":".join, others))),
        )
        if self._foreign.are_there:
            return ADOPT, keys, (self._foreign.served, *arguments), self._successes.values()
        return CYCLE, keys, arguments, self._successes.values()


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
