"""Corrections of how rq-dashboard reads jobs, workers and registries."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from flask import Flask, abort, request
from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue, Worker
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job
from rq.registry import BaseRegistry
from rq_dashboard import web

from taskdesk.jobs.keys import RATE_LIMITS, job_key, slot_waiters_key
from taskdesk.jobs.status import Status
from taskdesk.jobs.unpacking import bound_rq

RATE_LIMITED = "rate_limited"
MAX_WAITERS = 10_000  # jobs of one limit that a page looks at: about 0.3 s

_PARTS = {
    "instance_number": "0",
    "job_id": "[0-9A-Za-z_-]+",
    "registry_name": "|".join((*(status.rq for status in Status), RATE_LIMITED)),
    "per_page": "[1-9][0-9]{0,2}",
    "order": "asc|dsc",
    "page": "[1-9][0-9]{0,5}",
}


class ShownJob(Job):
    @property
    def dependency_ids(self) -> list[bytes]:  # type: ignore[override]
        return [job_id.encode() for job_id in super().dependency_ids]  # rq-dashboard decodes them

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        return super().to_dict(include_meta=False, include_result=False)  # neither is parsed: they may be anything

    def get_call_string(self) -> str | None:
        try:
            return super().get_call_string()
        except DeserializationError:  # a job for a worker with another serializer
            return self.description


class ShownWorker(Worker):
    job_class = ShownJob

    def get_current_job(self) -> Job | None:
        """Return the job that a worker of RQ 2 or 3, or one of ours, is running; None for a job that is gone.

        Only RQ 3 has an index of executions. RQ 2 and our workers name the job in the worker's record. For a job that
        is gone RQ raises, and one such worker would make the whole list a 404.
        """
        with suppress(NoSuchJobError):
            job_id = self.connection.hget(self.key, "current_job")
            if job_id:
                return self.job_class.fetch(job_id.decode(), self.connection, self.serializer)
            return super().get_current_job()
        return None


def install(app: Flask) -> None:
    bound_rq()
    web.Job, web.Worker = ShownJob, ShownWorker
    web.get_queue_registry_jobs_count = page_of_jobs
    web.RedisConnectionError = ()  # not caught there: our error handlers answer for every page

    @app.before_request
    def refuse_unknown_addresses() -> None:
        for name, value in (request.view_args or {}).items():
            if name in _PARTS and not re.fullmatch(_PARTS[name], str(value)):
                abort(404)


class SlotWaiters(BaseRegistry):
    """The jobs of a queue that wait for a slot of one of RQ's limits, oldest first. RQ itself keeps them by limit."""

    def get_job_count(self, cleanup: bool = True) -> int:
        return len(self.get_job_ids())

    def get_job_ids(self, start: int = 0, end: int = -1, desc: bool = False, cleanup: bool = True) -> list[str]:
        waiters: list[tuple[bytes, float]] = []
        for limit in self.connection.smembers(RATE_LIMITS):
            key = slot_waiters_key(limit.decode())
            with suppress(ResponseError):  # no sorted set: two of RQ's limits, "k" and "k:rate_limited", share a key
                waiters += self.connection.zrange(key, 0, MAX_WAITERS - 1, withscores=True)
        with self.connection.pipeline(transaction=False) as pipeline:
            for job_id, _ in waiters:
                pipeline.hget(job_key(job_id.decode()), "origin")
            here = [
                (since, job_id.decode())
                for (job_id, since), origin in zip(waiters, pipeline.execute(raise_on_error=False), strict=True)
                if origin == self.name.encode()
            ]
        return [job_id for _, job_id in sorted(here)][start : end + 1 or None]


def registry_of(queue: Queue, name: str) -> BaseRegistry | None:
    """Return a registry, or None for the queue itself. Compare it with None: an empty registry is false, and RQ cleans
    up a registry whose truth is asked for.
    """
    if name == RATE_LIMITED:
        return SlotWaiters(queue=queue)
    return None if name == "queued" else getattr(queue, f"{name}_job_registry")


def page_of_jobs(
    queue_name: str, registry_name: str, offset: int, per_page: int, order: str, connection: Redis
) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of jobs and the jobs of one page. rq-dashboard's own function adds the offset twice."""
    queue = Queue(queue_name, connection=connection)
    registry = registry_of(queue, registry_name)
    total = queue.count if registry is None else registry.get_job_count(cleanup=False)
    length = min(per_page, total - offset)
    if length <= 0:
        return total, []
    start = offset if order == "asc" else total - offset - length
    ids = (
        queue.get_job_ids(start, length)
        if registry is None
        else registry.get_job_ids(start, start + length - 1, cleanup=False)
    )
    jobs = ShownJob.fetch_many(ids if order == "asc" else ids[::-1], connection)
    return total, [web.serialize_job(job) for job in jobs if job]
