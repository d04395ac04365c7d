"""`JobHandle`: a job that an application has submitted. It asks anew each time, so it never shows an old status."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from taskdesk.client.source import JobSource
from taskdesk.jobs.errors import UnreadableJob
from taskdesk.jobs.events import Event
from taskdesk.jobs.job import Job
from taskdesk.jobs.status import FINAL, Status

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.5  # between two questions to Redis


class JobHandle:
    def __init__(self, source: JobSource, job_id: str):
        self.id = job_id
        self._source = source

    def __repr__(self) -> str:
        return f"<JobHandle {self.id}>"

    @property
    def job(self) -> Job:
        """Everything about the job at this moment. Raises JobExpired, JobNotFound."""
        return self._source.job(self.id)

    @property
    def status(self) -> Status:
        """One of scheduled, waiting, queued, running, succeeded, failed, canceled.

        Raises JobExpired, JobNotFound, UnreadableJob.
        """
        return self._readable_job().status

    @property
    def result(self) -> Any:
        """What the task returned, as JSON has it.

        Raises NoResult unless the job has succeeded; ResultGone; and as `status`.
        """
        return self._source.result(self._readable_job())

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the last attempt failed, with `type`, `title` and `detail`; None if it did not. Raises as `job`."""
        return self.job.error

    def _readable_job(self) -> Job:
        job = self.job
        if job.is_unreadable:
            raise UnreadableJob(self.id)
        return job

    def wait(self, timeout: float | None = None) -> JobHandle:
        """Return this handle when the job has ended, however it ended, or if it is unreadable.

        Raises TimeoutError after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pauses = _pauses()
        while not self._source.has_ended(self.id):
            left = next(pauses) if deadline is None else min(next(pauses), deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"Job {self.id} has not ended within {timeout:g} s.")
            time.sleep(left)
        return self

    def cancel(self) -> None:
        """Take the job off its queue, or let its worker stop it within 5 seconds; one that has ended stays as it is."""
        self._source.cancel(self.id)

    def events(self) -> Iterator[Event]:
        """Yield what has happened, then what happens, until the job has ended.

        The type of an event is "state" (`data["status"]`), "progress" (`percent`, `current`, `total`, `message`) or
        "log" (`text`, with the colors of a terminal). Redis keeps the last 500, for an hour after the end. Raises
        JobExpired, JobNotFound, UnreadableJob.
        """
        status, after, pauses = "", "0-0", _pauses()
        while True:
            now, events = self._source.news(self.id, after)
            after = events[-1].id if events else after
            state = [Event(after, "state", {"status": now.value})] if now != status else []
            yield from events + state if now in FINAL else state + events
            if now in FINAL:
                return
            pauses = _pauses() if events or state else pauses
            time.sleep(next(pauses))
            status = now


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * 1.3, _LONGEST_PAUSE_SECONDS)
