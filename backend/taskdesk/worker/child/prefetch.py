"""Reserve the next jobs while some run, so that Redis and the worker work at the same time, and less for each job.

Between two jobs a worker waits for one round trip, in which Redis ends the job before and reserves the next. For jobs
that take less than a millisecond that wait is most of the time. So among such jobs the worker

* tells Redis, as a group of jobs begins, of the successes of the group before, and asks for the next group (`_offer`);
* runs the jobs of the group meanwhile; and
* reads the answer when they have ended: the group before is settled, the next one is prefetched.

A group is as many jobs as take about GROUP_SECONDS, MAX_GROUP at most.

Measured, against one job at a time, on two cores, medians of interleaved drains of 10,000 no-op jobs per process that
each send Redis one command: where Redis is not interrupted (real-time priority for all), two processes take 180 instead
of 248 µs per job, and Redis has 83 instead of 120 µs of work for each. Under the usual scheduling they take 247 instead
of 203 µs: each entry of the journal wakes Redis up. One process takes about a tenth longer either way.

Before a job of a group begins, Redis is sent the success of the one before, which it keeps in a journal
(successes.py). So it knows which job has begun, whatever dies. What is given up: if the worker's machine fails within
the fraction of a millisecond in which Redis has not heard yet that a job has begun, that job runs again. So jobs of a
task with `at_most_once` are never prefetched.

A prefetched job must not wait for a long one. When a job turns out to be long, the supervisor revokes in shared memory
the jobs that would run after it, and requeues them (supervisor/revoker.py). The child looks at that before it begins a
job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from taskdesk.jobs.statistics import StatisticsWriter
from taskdesk.service import clock
from taskdesk.worker.child.attempt import AttemptRunner
from taskdesk.worker.child.completion import Completion
from taskdesk.worker.child.reservation import Reserver
from taskdesk.worker.child.reserved_job import EndedJob, ReservedJob
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.child.successes import Successes
from taskdesk.worker.shared.activity import Activity

MAX_PACE_SECONDS = 0.001  # that jobs take on average, for the next ones to be prefetched
GROUP_SECONDS, MAX_GROUP = 0.005, 16  # with 32 jobs, Redis has no less work for each
STALE_AFTER_SECONDS = 10.0  # then a prefetched job may have another worker: this process was frozen


class _Group(NamedTuple):
    """Jobs that were reserved together. `asked_at`: when Redis was asked for them (Unix time)."""

    jobs: Sequence[ReservedJob]
    asked_at: float

    @property
    def is_stale(self) -> bool:
        return clock.now() > self.asked_at + STALE_AFTER_SECONDS


class _Stop(NamedTuple):
    """Why a group was not run to its end: a job whose end Redis has to be told in another way, if there is one."""

    ended: EndedJob | None = None


class Prefetch:
    def __init__(
        self,
        attempts: AttemptRunner,
        reserver: Reserver,
        completion: Completion,
        successes: Successes,
        activity: Activity,
        statistics: StatisticsWriter,
        state: ChildState,
        *,
        never: set[str],
    ):
        """`never`: the tasks whose jobs are not prefetched."""
        self._attempts = attempts
        self._reserver = reserver
        self._completion = completion
        self._successes = successes
        self._never = never
        self._activity = activity
        self._statistics = statistics
        self._state = state

    def is_worthwhile(self, job: ReservedJob) -> bool:
        return self._attempts.pace < MAX_PACE_SECONDS and not job.is_of(self._never)

    def run(self, job: ReservedJob) -> EndedJob | None:
        """Run the job and those after it, as long as they are short. Redis has to be told of the successes then.

        Return a job that has ended in another way.
        """
        group = _Group([job], clock.now())
        while self._offer(group):
            asked_at = clock.now()
            stop = self._run_group(group)
            reservation = self._reserver.receive()
            is_settled = self._completion.confirm(reservation)
            group = _Group(reservation.jobs, asked_at)
            if stop or not is_settled or not self._goes_on(group):
                return stop.ended if stop else None
        return None

    def _offer(self, group: _Group) -> bool:
        """Have Redis end the jobs of the group before, and reserve the next ones while this group runs.

        Return False if Redis is away: the group may be another worker's by then, and so must not begin.
        """
        return self._reserver.prefetch(group.jobs, self._group_size())

    def _group_size(self) -> int:
        pace = self._attempts.pace
        return MAX_GROUP if pace * MAX_GROUP < GROUP_SECONDS else max(1, int(GROUP_SECONDS / pace))

    def _run_group(self, group: _Group) -> _Stop | None:
        """Run the jobs in turn, until one of them keeps the others from running."""
        for job in group.jobs:
            if not self._may_begin(job, group):
                return _Stop()
            self._activity.begin(job.id, job.execution, job.seconds, prefetches=True)
            ended = self._attempts.run(job)
            if ended.failure or not job.is_plain:
                return _Stop(ended)
            self._successes.add(ended)
            if self._activity.is_revoked(job.execution):
                return _Stop()
            if job is not group.jobs[-1] and not self._successes.note_last():
                return _Stop()
        return None

    def _may_begin(self, job: ReservedJob, group: _Group) -> bool:
        return job is group.jobs[0] or not (not self._state.takes_jobs or group.is_stale or job.is_of(self._never))

    def _goes_on(self, group: _Group) -> bool:
        if not group.jobs or group.is_stale or not self._state.takes_jobs:
            return False
        return self._statistics.due_in() > 0 and self.is_worthwhile(group.jobs[0])
