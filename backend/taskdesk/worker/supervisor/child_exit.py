"""Settle the jobs of a child that has ended: the one that it ran, and those that it held."""

from __future__ import annotations

import logging

from taskdesk.jobs.losses import PROCESS_HUNG
from taskdesk.worker.exit_status import EXIT_FINISHED, EXIT_RECYCLE
from taskdesk.worker.failure import Failure
from taskdesk.worker.release import How
from taskdesk.worker.shared.activity import RunningJob
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.supervisor.checkpoint_sender import CheckpointSender
from taskdesk.worker.supervisor.job_control import JobControl
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.settlement import Settlement, death_of

MAX_UNBEGUN_DEATHS = 3  # of children in a row before a job began; then the job that they hold is the cause, or our code

log = logging.getLogger("worker")


class ChildExit:
    def __init__(
        self,
        process: ChildProcess,
        shared: SharedMemory,
        *,
        control: JobControl,
        settlement: Settlement,
        checkpoints: CheckpointSender,
    ):
        self._process = process
        self._activity, self._meters, self._output = shared.activity, shared.meters, shared.output
        self._control = control
        self._settlement = settlement
        self._checkpoints = checkpoints
        self._unbegun_deaths = 0
        self._spared = ""  # the job that was requeued last because its function had not begun

    def count(self, status: int) -> None:
        """Count a child that has ended. Call this once for each child; `settle` may have to be repeated."""
        if status == EXIT_RECYCLE:
            self._meters.count("recycled")
        elif status != EXIT_FINISHED:
            is_ours = self._control.ending or self._process.is_overdue
            self._meters.count("killed" if is_ours else "lost")
        has_begun = status in (EXIT_FINISHED, EXIT_RECYCLE) or self._activity.read()
        self._unbegun_deaths = 0 if has_begun else self._unbegun_deaths + 1

    def settle(self, status: int, *, is_last: bool = False) -> None:
        """End the job in Redis that the child has left. The next child gets a job that it held and did not begin.

        `is_last`: no child follows, so that job is requeued.
        Raises RedisError, and RuntimeError if child after child dies before it begins anything.
        """
        if running := self._activity.read():
            self._settle_running(running, status)
        elif words := self._output.take_last_words():  # of C code that has crashed, say
            log.warning("the process that runs jobs wrote this before its end, when it ran none: %s", words)
        if is_last:
            self._settlement.release(How.REQUEUED, None, None)
        elif self._unbegun_deaths >= MAX_UNBEGUN_DEATHS:
            self._settlement.release(How.LOST, Failure.of_loss(death_of(status)), None)
            raise RuntimeError("the child dies before it begins anything")

    def _settle_running(self, running: RunningJob, status: int) -> None:
        ending = self._control.ending
        self._settlement.send_output(running)
        self._checkpoints.send(running)
        loss = PROCESS_HUNG if ending and ending.failure.detail == PROCESS_HUNG.sentence else death_of(status)
        self._settlement.end_unconfirmed(loss, has_to_make_way=self._process.is_overdue)
        if running.is_refused and running.job_id != self._spared:  # once: it may be what kills the child
            self._settlement.release(How.REQUEUED, None, running)
            self._spared = running.job_id
        elif self._process.is_overdue:
            self._settlement.make_way(running)
        elif ending and ending.running.execution == running.execution:
            self._settlement.release(ending.how, ending.failure, running)
        else:
            self._settlement.release(How.LOST, Failure.of_loss(death_of(status)), running)
