"""The actions behind rq-dashboard's buttons, under its own addresses. They lose no job and keep our index right."""

from __future__ import annotations

from typing import cast

from flask import Flask, Response, abort, current_app, jsonify
from redis import Redis
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from taskdesk.dashboard.reading import ShownJob, registry_of
from taskdesk.jobs.errors import JobNotFound, JobRunning
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import job_key
from taskdesk.jobs.scripts import REINDEX
from taskdesk.jobs.submission import MAX_BATCH


def install(app: Flask) -> None:
    app.view_functions |= {
        "rq_dashboard.delete_job_view": delete,
        "rq_dashboard.requeue_job_view": requeue,
        "rq_dashboard.requeue_all": requeue_all,
        "rq_dashboard.empty_queue": empty,
        "rq_dashboard.compact_queue": compact,
    }


def delete(job_id: str) -> Response:
    """Raises JobRunning, JobNotFound."""
    [status] = _jobs().delete(job_id)
    if status == "running":
        raise JobRunning(job_id)
    if not status:
        raise JobNotFound(job_id)
    return jsonify(status="OK")


def requeue(job_id: str) -> Response:
    """Requeue a failed job. Raises NoSuchJobError; answers 409 for a job that has not failed."""
    try:
        _requeue(job_id)
    except InvalidJobOperation:
        abort(409, f"Job {job_id} is not among the failed ones (any more).")
    return jsonify(status="OK")


def requeue_all(queue_name: str) -> Response:
    count = 0
    for job_id in _queue(queue_name).failed_job_registry.get_job_ids(cleanup=False):
        try:
            _requeue(job_id)
            count += 1
        except (InvalidJobOperation, NoSuchJobError):
            continue  # someone else was faster, or the job has expired
    return jsonify(status="OK", count=count)


def empty(queue_name: str, registry_name: str) -> Response:
    """Delete the jobs of a queue or registry, except running ones."""
    queue = _queue(queue_name)
    if registry_name == "started":
        abort(409, "These jobs are running, and deleting does not stop them. Cancel them in Taskdesk.")
    registry = registry_of(queue, registry_name)
    ids = queue.get_job_ids() if registry is None else registry.get_job_ids(cleanup=False)
    for start in range(0, len(ids), MAX_BATCH):
        batch = ids[start : start + MAX_BATCH]
        statuses = _jobs().delete(*batch)
        gone = [job_id for job_id, status in zip(batch, statuses, strict=True) if status != "running"]
        if registry is not None and gone:
            _redis().zrem(registry.key, *gone)  # also the ids of expired jobs
    if registry is None:
        _remove_gone(queue)
    return jsonify(status="OK")


def compact(queue_name: str) -> Response:
    _remove_gone(_queue(queue_name))
    return jsonify(status="OK")


def _requeue(job_id: str) -> None:
    job = ShownJob.fetch(job_id, connection=_redis()).requeue()
    REINDEX(_redis(), job.origin, job_id)


def _remove_gone(queue: Queue) -> None:
    """Remove ids without a job from a queue. RQ's own way takes all ids off first, and loses them if it dies then."""
    ids = queue.get_job_ids()
    with _redis().pipeline(transaction=False) as pipeline:
        for job_id in ids:
            pipeline.exists(job_key(job_id))
        gone = [job_id for job_id, is_there in zip(ids, pipeline.execute(), strict=True) if not is_there]
        for job_id in gone:
            pipeline.lrem(queue.key, 0, job_id)
        pipeline.execute()


def _queue(name: str) -> Queue:
    queue = Queue(name, connection=_redis())
    if not _redis().sismember(Queue.redis_queues_keys, queue.key):
        abort(404, f"There is no queue {name!r}.")
    return queue


def _jobs() -> Jobs:
    return Jobs(_redis(), ())


def _redis() -> Redis:
    return cast(Redis, current_app.redis_conn)  # type: ignore[attr-defined]
