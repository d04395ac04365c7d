"""Decide when the next job needs a new process, free of the changes of earlier jobs that nobody can undo."""

from __future__ import annotations

from taskdesk.worker.child.reservation import EndedJob, ReservedJob
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.process_memory import MB, resident_memory
from taskdesk.worker.settings import WorkerSettings

MEMORY_CHECK_JOBS = 200  # short jobs from one look at the memory to the next
LONG_JOB_SECONDS = 0.05  # after a job that took longer, a look costs next to nothing


class Recycling:
    def __init__(self, settings: WorkerSettings, isolated: set[str], state: ChildState):
        """`isolated`: the tasks of which each job has a process of its own."""
        self._settings = settings
        self._isolated = isolated
        self._state = state
        self._jobs = 0

    def is_due_before(self, job: ReservedJob) -> bool:
        return self._jobs > 0 and job.is_of(self._isolated)

    def note(self, ended: EndedJob, *, is_dirty: bool) -> None:
        """Decide whether the next job needs a new process. `is_dirty`: see Sandbox."""
        self._jobs += 1
        self._state.needs_recycle = (
            ended.job.is_of(self._isolated)
            or (ended.failure is not None and ended.failure.was_cut_off)  # what it has begun may go on until then
            or is_dirty
            or self._has_grown(ended.seconds)
        )

    def _has_grown(self, seconds: float) -> bool:
        """Return True if this process has run its number of jobs, or has grown too large."""
        if self._jobs >= self._settings.recycle_jobs:
            return True
        looks = seconds > LONG_JOB_SECONDS or self._jobs % MEMORY_CHECK_JOBS == 0
        return looks and resident_memory() > self._settings.recycle_memory * MB
