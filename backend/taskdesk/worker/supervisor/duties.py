"""The work of a supervisor in Redis while its child runs jobs: commands, heartbeats, ticks, housekeeping, intake."""

from __future__ import annotations

import time

from rq import worker_registration
from rq.worker import BaseWorker

from taskdesk.jobs.losses import KILL_COMMAND, TAKEN_AWAY
from taskdesk.worker.answers import Order, Tick
from taskdesk.worker.failure import Failure
from taskdesk.worker.release import How
from taskdesk.worker.shared.activity import RunningJob
from taskdesk.worker.supervisor.checkpoint_sender import CheckpointSender
from taskdesk.worker.supervisor.commands import Commands
from taskdesk.worker.supervisor.heartbeat import Heartbeat, Verdict
from taskdesk.worker.supervisor.housekeeping import Housekeeping
from taskdesk.worker.supervisor.job_control import JobControl
from taskdesk.worker.supervisor.process import ChildProcess
from taskdesk.worker.supervisor.regular_intake import RegularIntake
from taskdesk.worker.supervisor.revoker import Revoker
from taskdesk.worker.supervisor.settlement import Settlement
from taskdesk.worker.supervisor.signals import StopSignals

TICK_SECONDS = {Tick.SELDOM: 2.5, Tick.OFTEN: 1.0, Tick.AT_ONCE: 0.0}  # until the next tick


class Duties:
    """Each method raises RedisError if Redis does not answer."""

    def __init__(
        self,
        worker: BaseWorker,
        process: ChildProcess,
        *,
        control: JobControl,
        revoker: Revoker,
        commands: Commands,
        heartbeat: Heartbeat,
        settlement: Settlement,
        checkpoints: CheckpointSender,
        housekeeping: Housekeeping,
        intake: RegularIntake,
        signals: StopSignals,
    ):
        self._worker = worker
        self._process = process
        self._control = control
        self._revoker = revoker
        self._commands = commands
        self._heartbeat = heartbeat
        self._settlement = settlement
        self._checkpoints = checkpoints
        self._housekeeping = housekeeping
        self._intake = intake
        self._signals = signals
        self._next_tick = 0.0

    def do_what_is_due(self, running: RunningJob | None) -> None:
        if running:
            self._revoker.revoke_if_long(running)
        self.obey_commands(running)
        if verdict := self._heartbeat.send_if_due(running, self._process.pid):
            self._heed(verdict, running)
            self._revoker.revoke_again()
        self._checkpoints.send_if_due(running)
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + TICK_SECONDS[self._settlement.tick()]
        self._housekeeping.do_if_due()
        self._intake.do_if_due()

    def obey_commands(self, running: RunningJob | None) -> None:
        for command in self._commands.read():
            if command.name == "shutdown":
                self._signals.is_set = True
            elif command.name == "kill-horse" and running:
                self._control.kill(running, How.LOST, Failure.of_loss(KILL_COMMAND))
            elif running and command.is_to_stop(running.job_id, running.execution):
                self._control.stop(running)

    def send_heartbeat(self, running: RunningJob | None) -> None:
        self._heed(self._heartbeat.send(running, self._process.pid), running)

    def send_last_heartbeat(self) -> None:
        """Send a heartbeat before the worker ends, without restoring a record that was lost."""
        self._heartbeat.send(None, self._process.pid)

    def _heed(self, verdict: Verdict, running: RunningJob | None) -> None:
        if not verdict.is_whole:
            self._restore_record()
        if running and verdict.order is Order.STOP:
            self._control.stop(running)
        elif running and verdict.order is Order.DROP:
            self._control.kill(running, How.LOST, Failure.of_loss(TAKEN_AWAY))

    def _restore_record(self) -> None:
        redis = self._worker.connection
        redis.hset(self._worker.key, mapping=self._worker.serialize())
        with redis.pipeline() as pipeline:
            worker_registration.register(self._worker, pipeline)
            pipeline.execute()
