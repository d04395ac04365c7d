"""Let the threads of a job know their job: progress(), current_job() and temporary_folder() work there as in the task.

A new thread does not inherit the context of the thread that starts it. So each thread keeps the job in which it was
started, and a thread of a pool has, for each call, the job that has submitted it. A job without threads pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any

from taskdesk.jobs.task import JobContext, bind_to_job, job_of_thread, working_for

_start, _submit = Thread.start, ThreadPoolExecutor.submit


def follow_jobs() -> None:
    """Change what starts a thread, and what gives it work, in this process."""
    Thread.start = _start_in_job  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = _submit_in_job  # type: ignore[method-assign, assignment]


def _start_in_job(thread: Thread) -> None:
    bind_to_job(thread)
    _start(thread)


def _submit_in_job(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
    job = job_of_thread()
    return _submit(pool, _call, job, function, args, named) if job else _submit(pool, function, *args, **named)


def _call(job: JobContext, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    with working_for(job):
        return function(*args, **named)
