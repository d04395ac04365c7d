"""The worker's child: runs one job after another, in one process, at one round trip to Redis each.

Whatever happens to it costs the job that runs: its supervisor sees it die, settles that job and forks another child.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from taskdesk.jobs.statistics import StatisticsWriter
from taskdesk.worker.child.attempt import AttemptRunner
from taskdesk.worker.child.callbacks import Callbacks
from taskdesk.worker.child.completion import Completion
from taskdesk.worker.child.confirmation import Confirmation
from taskdesk.worker.child.prefetch import Prefetch
from taskdesk.worker.child.process import JobProcess
from taskdesk.worker.child.queue_waiter import QueueWaiter
from taskdesk.worker.child.recycling import Recycling
from taskdesk.worker.child.reservation import EndedJob, Reservation, ReservedJob, Reserver
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.exit_status import EXIT_FINISHED, EXIT_RECYCLE
from taskdesk.worker.redis_retry import Interrupted
from taskdesk.worker.shared.activity import Activity

SUSPENDED_CHECK_SECONDS = 0.5  # until a worker looks whether `rq resume` was called


@dataclass(kw_only=True)
class Child:
    """`burst`: end when the queues are empty."""

    process: JobProcess
    reserver: Reserver
    queue_waiter: QueueWaiter
    attempts: AttemptRunner
    prefetch: Prefetch
    confirmation: Confirmation
    completion: Completion
    callbacks: Callbacks
    recycling: Recycling
    statistics: StatisticsWriter
    activity: Activity
    state: ChildState
    burst: bool

    def run(self) -> int:
        """Run jobs until told to stop; return the exit status."""
        wakeup = self.process.prepare()
        try:
            return self._run(wakeup)
        except Interrupted:
            return EXIT_FINISHED
        finally:
            self.queue_waiter.leave()
            self.statistics.write()

    def _run(self, wakeup: int) -> int:
        self.callbacks.run_stopped()
        reservation = self.reserver.reserve()
        while True:
            if self.statistics.due_in() <= 0:
                self.statistics.write()
            if job := reservation.job:
                if self.state.is_stopping:
                    return EXIT_FINISHED  # the job has not begun: the supervisor requeues it
                if self.recycling.is_due_before(job):
                    return EXIT_RECYCLE  # the next child is given the same job
                if not self.confirmation.is_given(job):
                    return EXIT_RECYCLE  # as above, if it is this worker's still
                ended = self._work(job)
                reservation = self.completion.complete(ended) if ended else self.reserver.reserve()
                if self.state.needs_recycle:
                    return EXIT_RECYCLE
            elif self.state.is_stopping or (self.burst and not reservation.is_to_ask_again):
                return EXIT_FINISHED
            else:
                self._rest(reservation, wakeup)
                reservation = self.reserver.reserve()
                if reservation.job:
                    self.queue_waiter.leave()

    def _work(self, job: ReservedJob) -> EndedJob | None:
        """Run the job, and short ones after it; return how the last one has ended, None if nothing has run."""
        if self.prefetch.is_worthwhile(job):
            return self.prefetch.run(job)
        self.activity.begin(job.id, job.execution, job.seconds)
        return self.attempts.run(job)

    def _rest(self, reservation: Reservation, wakeup: int) -> None:
        if reservation.is_suspended:
            time.sleep(SUSPENDED_CHECK_SECONDS)
        elif not reservation.is_to_ask_again:
            self.queue_waiter.wait(wakeup, self.statistics.due_in(), reservation.paused)
