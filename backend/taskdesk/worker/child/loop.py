"""The worker's child: runs one job after another, in one process, at one round trip to Redis each.

Whatever happens to it costs the job that runs: its supervisor sees it die, settles that job and forks another child.
"""

from __future__ import annotations

import time
from pathlib import Path

from redis import Redis

from taskdesk.jobs.artifacts import ArtifactStore
from taskdesk.jobs.keys import queue_key
from taskdesk.jobs.statistics import StatisticsWriter
from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.child.attempt import AttemptRunner
from taskdesk.worker.child.completion import Completion
from taskdesk.worker.child.hand_back import HandBack
from taskdesk.worker.child.prefetch import Prefetch
from taskdesk.worker.child.process import JobSignals, accept_signals, lead_own_group
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.queue_order import QueueOrder
from taskdesk.worker.child.queue_waiter import QueueWaiter
from taskdesk.worker.child.recycling import Recycling
from taskdesk.worker.child.reservation import EndedJob, Reservation, ReservedJob, Reserver
from taskdesk.worker.child.resource_limits import TimeLimit
from taskdesk.worker.child.run_counter import RunCounter
from taskdesk.worker.child.sandbox import Sandbox
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.child.task_runner import TaskRunner
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.exit_status import EXIT_FINISHED, EXIT_RECYCLE
from taskdesk.worker.redis_retry import Interrupted
from taskdesk.worker.rq_fallback import RQFallback
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.meters import Row
from taskdesk.worker.shared.output_buffer import OutputBuffer

ANSWER_SECONDS = 5  # that Redis may take for an answer to a script
STATISTICS_SECONDS = 1  # that Redis may take for the statistics, for which no job waits
SUSPENDED_CHECK_SECONDS = 0.5  # until a worker looks whether `rq resume` was called


class Child:
    def __init__(
        self,
        settings: WorkerSettings,
        registry: TaskRegistry,
        store: ArtifactStore,
        *,
        worker_name: str,
        redis: Redis,
        activity: Activity,
        meters: Row,
        output: OutputBuffer,
        foreign: ForeignJobs,
        folder: Path,
        burst: bool,
        supervisor: int,
    ):
        """`folder`: for temporary files. `burst`: end when the queues are empty. `supervisor`: its pid."""
        self._settings = settings
        self._activity = activity
        self._foreign = foreign
        self._folder = folder
        self._burst = burst
        self._supervisor = supervisor
        self._state = state = ChildState()
        tasks = registry.tasks
        isolated = {name for name, task in tasks.items() if task.options.isolated}
        once = {name for name, task in tasks.items() if task.options.at_most_once}

        order = QueueOrder([queue_key(queue) for queue in settings.queues])
        self._connection = ScriptConnection(redis, ANSWER_SECONDS, state.may_give_up, activity.show_life)
        self._queue_waiter = QueueWaiter(redis, order.keys, activity.show_life)
        self._statistics = StatisticsWriter(
            connect_with_timeout(settings.redis_url.get_secret_value(), timeout=STATISTICS_SECONDS)
        )
        self._reporter = Reporter(redis, output)
        self._time_limit = TimeLimit()
        self._recycling = Recycling(settings, isolated, state)
        counter = RunCounter(tasks, self._statistics, meters)
        self._attempts = AttemptRunner(
            settings,
            registry,
            task_runner=TaskRunner(settings, registry, store, self._reporter.progress),
            reporter=self._reporter,
            time_limit=self._time_limit,
            activity=activity,
            counter=counter,
            recycling=self._recycling,
            state=state,
        )
        self._reserver = Reserver(
            *(settings, self._connection),
            worker_name=worker_name,
            order=order,
            activity=activity,
            foreign=foreign,
            state=state,
        )
        self._completion = Completion(
            *(redis, self._connection),
            worker_name=worker_name,
            reserver=self._reserver,
            rq_fallback=RQFallback(redis, worker_name, settings),
            hand_back=HandBack(redis, registry, settings.foreign_ttl),
            counter=counter,
            activity=activity,
            meters=meters,
        )
        self._prefetch = Prefetch(
            *(self._attempts, self._reserver, self._completion),
            never=isolated | once,
            activity=activity,
            statistics=self._statistics,
            state=state,
        )

    def run(self) -> int:
        """Run jobs until told to stop; return the exit status."""
        wakeup = self._prepare_process()
        try:
            return self._run(wakeup)
        except Interrupted:
            return EXIT_FINISHED
        finally:
            self._statistics.write()

    def _run(self, wakeup: int) -> int:
        reservation = self._reserver.reserve()
        while True:
            if self._statistics.due_in() <= 0:
                self._statistics.write()
            if job := reservation.job:
                if self._state.is_stopping:
                    return EXIT_FINISHED  # the job has not begun: the supervisor puts it back
                if self._recycling.is_due_before(job):
                    return EXIT_RECYCLE  # the next child is given the same job
                ended = self._work(job)
                reservation = self._completion.complete(ended) if ended else self._reserver.reserve()
                if self._state.needs_recycle:
                    return EXIT_RECYCLE
            elif self._state.is_stopping or (self._burst and reservation.reason != b"again"):
                return EXIT_FINISHED
            else:
                self._rest(reservation, wakeup)
                reservation = self._reserver.reserve()

    def _work(self, job: ReservedJob) -> EndedJob | None:
        """Run the job, and short ones after it; return how the last one has ended, None if nothing has run."""
        if self._prefetch.is_worthwhile(job):
            return self._prefetch.run(job)
        self._activity.begin(job.id, job.execution, job.timeout)
        return self._attempts.run(job)

    def _rest(self, reservation: Reservation, wakeup: int) -> None:
        if reservation.reason == b"suspended":
            time.sleep(SUSPENDED_CHECK_SECONDS)
        elif reservation.reason != b"again":
            self._queue_waiter.wait(wakeup, self._statistics.due_in(), reservation.paused)

    def _prepare_process(self) -> int:
        """Make this process the jobs' own; return a descriptor that can be read when a signal has come."""
        lead_own_group(self._supervisor)
        reading, writing = self._foreign.wakeup
        self._attempts.sandbox = Sandbox(
            self._folder,
            self._reporter,
            JobSignals(self._state, self._time_limit, writing).install,
            self._activity.show_life,
            as_log=self._settings.env == "prod",
        )
        accept_signals()
        return reading
