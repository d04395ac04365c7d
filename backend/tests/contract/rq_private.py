"""Every name of RQ that we use and that its documentation does not have, with the reason. An upgrade of RQ starts here.

`test_rq_private.py` fails with each name that RQ changes or loses, and with each that we use and that is missing here.
rq-dashboard's internals are not listed: its version is pinned, and tests/dashboard fail if they change.
"""

from __future__ import annotations

from typing import NamedTuple


class Name(NamedTuple):
    """`signature`: parameters without types; "property"; "attribute" of an instance; "" for a class, module or value.

    A signature that ends with "…" may have more parameters than we use.
    """

    path: str
    signature: str
    reason: str


SAVES = "RQ's tools know our worker by the record that RQ's own code writes"
ENDS = "RQ's code ends a job that others wait for, that repeats, or that keeps no result: worker/rq_fallback.py"
ADDS = "what is ours is added within RQ's transaction, or nobody could add it if its answer is lost"
SAFE = "names and addresses in Redis are only data: nothing is imported or called"
SHOWS = "rq-dashboard shows jobs of any serializer, and workers of RQ 2, of RQ 3 and of ours"
LIMITED = "rq-dashboard shows the jobs that wait for a limit of RQ as if they stood in a registry"
CALLS = "callbacks of RQ are called as RQ calls them"
POPPED = "jobs that a stock worker has popped and not begun, by Redis's clock"

PRIVATE = [
    Name(
        "rq.worker.BaseWorker",
        "self, queues, name=None, default_result_ttl=500, connection=None, worker_ttl=None, job_class=None, "
        "log_job_description=True, prepare_for_work=True, serializer=None, …",
        SAVES,
    ),
    Name("rq.worker.BaseWorker.connection_timeout", "property", "RQ would wait as long as a worker may be idle"),
    Name("rq.worker.BaseWorker.key", "property", SAVES),
    Name("rq.worker.BaseWorker.queue_names", "self", SAVES),
    Name("rq.worker.BaseWorker.register_birth", "self", SAVES),
    Name("rq.worker.BaseWorker.register_death", "self", SAVES),
    Name("rq.worker.BaseWorker.serialize", "self", SAVES),
    Name("rq.worker.BaseWorker.set_state", "self, state, pipeline=None", SAVES),
    Name("rq.worker.BaseWorker.handle_job_success", "self, job, queue, started_job_registry, execution", ENDS),
    Name("rq.worker.BaseWorker.cleanup_execution", "self, job, pipeline, execution=None", ADDS),
    Name("rq.worker_registration", "", SAVES),
    Name("rq.worker_registration.register", "worker, pipeline=None", "Redis may lose the record while the worker runs"),
    Name("rq.worker_registration.clean_worker_registry", "queue", "records of stock workers that have died"),
    Name("rq.defaults.CALLBACK_TIMEOUT", "", CALLS),
    Name("rq.job.Job._status", "attribute", CALLS),
    Name("rq.results", "", "compressed data is unpacked within a limit, in RQ's classes too"),
    Name("rq.utils.utcformat", "dt", "the time at which RQ's code ends a job is written as RQ writes it"),
    Name(
        "rq.scheduler.release_lock",
        "connection, lock_key, owner_token",
        "the lock of RQ's scheduler, which our worker holds",
    ),
    Name("rq.intermediate_queue.IntermediateQueue", "self, queue_key, connection", POPPED),
    Name("rq.intermediate_queue.IntermediateQueue.cleanup", "self, worker, queue", POPPED),
    Name("rq.intermediate_queue.IntermediateQueue.get_first_seen", "self, job_id", POPPED),
    Name("rq.intermediate_queue.IntermediateQueue.get_first_seen_key", "self, job_id", POPPED),
    Name("rq.intermediate_queue.IntermediateQueue.set_first_seen", "self, job_id", POPPED),
    Name("rq.intermediate_queue.IntermediateQueue.should_be_cleaned_up", "self, job_id", POPPED),
    Name("rq.group.Group.clean_registries", "connection", "RQ's worker tidies groups, so ours does"),
    Name(
        "rq.registry.FailedJobRegistry.cleanup",
        "self, timestamp=None, exception_handlers=None",
        "tidied by Redis's clock",
    ),
    Name(
        "rq.registry.FinishedJobRegistry.cleanup",
        "self, timestamp=None, exception_handlers=None",
        "tidied by Redis's clock",
    ),
    Name("rq.executions.Execution", "self, id, job_id, connection, worker_name=''", ENDS),
    Name("rq.executions.Execution.composite_key", "property", "the entry of the running job in rq:wip"),
    Name("rq.executions.ExecutionRegistry", "self, job_id, connection", ENDS),
    Name("rq.job.Job.execution_registry", "property", ENDS),
    Name("rq.executions.ExecutionRegistry.get_executions", "self, start=0, end=-1", ENDS),
    Name("rq.executions.Execution.delete", "self, job, pipeline", ENDS),
    Name("rq.queue.Queue.enqueue_dependents", "self, job, exclude_job_id=None, refresh_job_status=True", ENDS),
    Name(
        "rq.queue.Queue.move_dependents_to_ready",
        "self, job, pipeline=None, exclude_job_id=None, refresh_job_status=True",
        "RQ's transaction has to check that the job is still ours",
    ),
    Name("rq.queue.Queue.enqueue_ready_jobs_by_queue", "self, job_ids_by_queue_name", "RQ takes a transaction per job"),
    Name("rq.queue.Queue.redis_queues_keys", "", "the set of all queues"),
    Name("rq.job._current_job", "", "rq.get_current_job() in a task: worker/child/rq_current_job.py"),
    Name("rq.job.Job._result", "attribute", "handle_job_success stores it"),
    Name("rq.job.Job.dependents_key", "property", ENDS),
    Name("rq.job.Job.fetch_many", "job_ids, connection, serializer=None", "very many dependents are moved in slices"),
    Name("rq.job.Job.get_result_ttl", "self, default_ttl", ENDS),
    Name("rq.job.Job.has_rate_limit", "property", "our scripts free the slot of a limit; RQ would need a second step"),
    Name("rq.job.Job.success_callback", "property", SAFE),
    Name("rq.job.Job.failure_callback", "property", SAFE),
    Name("rq.job.Job.stopped_callback", "property", SAFE),
    Name("rq.job.Job.send_webhooks", "self, status, *, exc_string=None", SAFE),
    Name("rq.job.Job.dependency_ids", "property", SHOWS),
    Name("rq.job.Job.get_call_string", "self", SHOWS),
    Name("rq.job.Job.to_dict", "self, include_meta=True, include_result=True", SHOWS),
    Name("rq.worker.BaseWorker.get_current_job", "self", SHOWS),
    Name("rq.registry.BaseRegistry", "self, name='default', …", LIMITED),
    Name("rq.registry.BaseRegistry.get_job_count", "self, cleanup=True", LIMITED),
    Name("rq.registry.BaseRegistry.get_job_ids", "self, start=0, end=-1, desc=False, cleanup=True", LIMITED),
    Name("rq.serializers.DefaultSerializer", "", SHOWS),
    Name("rq.serializers.PickleSerializer", "", SHOWS),
    Name("rq.serializers.JSONSerializer.loads", "s, *args, **kwargs", SHOWS),
]
