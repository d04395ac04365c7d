"""Put the parts of a child together."""

from __future__ import annotations

from pathlib import Path

from redis import Redis

from taskdesk.jobs.artifacts import ArtifactStore
from taskdesk.jobs.keys import queue_key
from taskdesk.jobs.statistics import StatisticsWriter
from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.child.attempt import AttemptRunner
from taskdesk.worker.child.attempt_counter import AttemptCounter
from taskdesk.worker.child.callbacks import Callbacks
from taskdesk.worker.child.checkpoint_store import Checkpointing
from taskdesk.worker.child.completion import Completion
from taskdesk.worker.child.confirmation import Confirmation
from taskdesk.worker.child.hand_back import HandBack
from taskdesk.worker.child.lookout import Lookout
from taskdesk.worker.child.loop import Child
from taskdesk.worker.child.prefetch import Prefetch
from taskdesk.worker.child.process import JobProcess
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.child.queue_order import QueueOrder
from taskdesk.worker.child.queue_waiter import QueueWaiter
from taskdesk.worker.child.recycling import Recycling
from taskdesk.worker.child.reservation import Reserver
from taskdesk.worker.child.resource_limits import ResourceLimits, TimeLimit
from taskdesk.worker.child.rq_current_job import offer_current_job
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.child.task_runner import TaskRunner
from taskdesk.worker.discovery import TaskRegistry
from taskdesk.worker.rq_fallback import RQFallback
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.memory import SharedMemory

REDIS_ANSWER_SECONDS = 5  # that Redis may take for an answer
STATISTICS_SECONDS = 1  # that it may take for the statistics: no job waits for them


def assemble(
    settings: WorkerSettings,
    registry: TaskRegistry,
    store: ArtifactStore,
    redis: Redis,
    shared: SharedMemory,
    *,
    worker_name: str,
    folder: Path,
    burst: bool,
    supervisor: int,
) -> Child:
    """`folder`: for temporary files. `burst`: end when the queues are empty. `supervisor`: its pid."""
    activity, state = shared.activity, ChildState()
    calls = registry.by_call.items()
    isolated = {name for name, task in calls if task.options.isolated}
    at_most_once = {name for name, task in calls if task.options.at_most_once}
    order = QueueOrder([queue_key(queue) for queue in settings.queues])

    offer_current_job(redis)
    connection = ScriptConnection(redis, REDIS_ANSWER_SECONDS, state.may_give_up, activity.show_life)
    reserver = Reserver(settings, connection, worker_name, order, shared, state)
    statistics = StatisticsWriter(connect_with_timeout(settings.redis_url.get_secret_value(), STATISTICS_SECONDS))
    counter = AttemptCounter(registry.by_call, statistics, shared.meters)
    recycling = Recycling(settings, isolated, state)
    reporter, time_limit = Reporter(redis, shared.output), TimeLimit()
    process = JobProcess(
        *(shared, state, reporter, time_limit), folder=folder, as_log=settings.env == "prod", supervisor=supervisor
    )
    checkpointing = Checkpointing(redis, shared)
    callbacks = Callbacks(
        *(redis, registry, settings.tasks),
        worker_name=worker_name,
        reporter=reporter,
        time_limit=time_limit,
        process=process,
        activity=activity,
    )
    attempts = AttemptRunner(
        TaskRunner(settings, registry, store, reporter, checkpointing.open),
        {name: ResourceLimits.of(task.options, settings) for name, task in registry.tasks.items()},
        settings.tasks,
        time_limit=time_limit,
        reporter=reporter,
        process=process,
        activity=activity,
        counter=counter,
        recycling=recycling,
        callbacks=callbacks,
        state=state,
    )
    completion = Completion(
        *(redis, connection, reserver, shared),
        worker_name=worker_name,
        rq_fallback=RQFallback(redis, worker_name, settings),
        hand_back=HandBack(redis, registry, settings.foreign_ttl),
        checkpointing=checkpointing,
        callbacks=callbacks,
        counter=counter,
    )
    return Child(
        process=process,
        reserver=reserver,
        queue_waiter=QueueWaiter(redis, Lookout(redis, worker_name, order.keys), order.keys, activity.show_life),
        attempts=attempts,
        confirmation=Confirmation(connection, settings.redis_wait, at_most_once),
        prefetch=Prefetch(attempts, reserver, completion, activity, statistics, state, never=isolated | at_most_once),
        completion=completion,
        callbacks=callbacks,
        recycling=recycling,
        statistics=statistics,
        activity=activity,
        state=state,
        burst=burst,
    )
