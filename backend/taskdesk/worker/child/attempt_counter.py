"""Count the attempts at jobs of the worker's tasks: for the statistics of each task and for /metrics."""

from __future__ import annotations

from collections.abc import Mapping

from taskdesk.jobs.statistics import StatisticsWriter, seconds_since
from taskdesk.worker.child.reservation import EndedJob
from taskdesk.worker.discovery import LoadedTask
from taskdesk.worker.shared.meters import Row


class AttemptCounter:
    def __init__(self, tasks: Mapping[str, LoadedTask], statistics: StatisticsWriter, meters: Row):
        self._tasks = tasks
        self._statistics = statistics
        self._meters = meters

    def count(self, ended: EndedJob) -> None:
        task = self._tasks.get(ended.reference)
        if not task:
            return  # others may name anything: there would be statistics of it
        reference = task.spec.reference
        succeeded = not ended.failure
        wait = seconds_since(ended.job.enqueued_at, ended.began)
        self._statistics.add(reference, ended.job.queue, succeeded=succeeded, run=ended.seconds, wait=wait)
        self._meters.count_attempt(reference, succeeded=succeeded, seconds=ended.seconds)
