"""Callbacks of RQ's producers. What they were called with is in the list `called` in Redis."""

from __future__ import annotations

import json
import os
import time
from os import abort as borrowed  # noqa: F401  # a function of another package
from typing import Any

from redis import Redis
from rq.job import Job

from taskdesk import current_job


def _note(kind: str, job: Job, connection: Redis, *details: Any) -> None:
    print(kind, "says hello")
    assert current_job().job_id in (job.id, "local")  # a stock worker has no job of ours
    status = job.get_status(refresh=False).value
    connection.rpush("called", json.dumps([kind, job.id, status, *details], default=repr))


def _on_success(job: Job, connection: Redis, result: Any) -> None:
    _note("success", job, connection, result)


def _on_failure(job: Job, connection: Redis, kind: Any, value: Any, trace: Any) -> None:
    _note("failure", job, connection, kind.__name__, str(value), trace is not None)


def _on_stopped(job: Job, connection: Redis) -> None:
    _note("stopped", job, connection)


def _raises(*details: Any) -> None:
    raise RuntimeError("the callback raises")


def _hangs(*details: Any) -> None:
    time.sleep(20)


async def _is_async(*details: Any) -> None:
    os.abort()
