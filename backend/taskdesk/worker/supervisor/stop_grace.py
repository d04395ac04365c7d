"""The time that a stopping worker gives its running job: the `grace` of the job's task, or STOP_GRACE."""

from __future__ import annotations

from redis.exceptions import RedisError

from taskdesk.worker.shared.activity import RunningJob
from taskdesk.worker.supervisor.settlement import Settlement
from taskdesk.worker.supervisor.signals import StopSignals
from taskdesk.worker.supervisor.template import Template


class StopGrace:
    def __init__(self, settlement: Settlement, template: Template, signals: StopSignals, default: float):
        self._settlement = settlement
        self._template = template
        self._signals = signals
        self._default = default
        self._execution, self._seconds = "", default  # that Redis was asked about last

    def seconds(self, running: RunningJob | None) -> float:
        """Return the seconds from the signal on. Another job may begin in the moment between signal and stop."""
        graces = [spec.grace for spec in self._template.catalog.tasks.values() if spec.grace is not None]
        if not running or not graces:
            return self._default
        try:
            seconds = self._of_execution(running)
        except (RedisError, OSError):
            seconds = max(self._default, *graces)  # until Redis tells which task it is
        return min(seconds, self._default) if self._signals.is_hurried else seconds

    def _of_execution(self, running: RunningJob) -> float:
        if running.execution != self._execution:
            spec = self._settlement.spec_of(running.job_id)
            self._seconds = self._default if spec is None or spec.grace is None else spec.grace
            self._execution = running.execution
        return self._seconds
