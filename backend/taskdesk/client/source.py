"""Where a desk puts its jobs: Redis here, this process in taskdesk/testing."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, Unpack

from redis import Redis

from taskdesk.jobs.action import act_on_one
from taskdesk.jobs.actions import CANCEL
from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import UnreadableJob
from taskdesk.jobs.events import Event, news_of
from taskdesk.jobs.job import Job
from taskdesk.jobs.status import Status, status_of
from taskdesk.jobs.submit_options import SubmitOptions
from taskdesk.service.data_version import refusal_of_data
from taskdesk.service.errors import SettingsError
from taskdesk.service.redis_errors import app_errors
from taskdesk.service.settings import SharedSettings, fault_of_data_dir


class JobSource(Protocol):
    """What `Desk` and `JobHandle` need. Every method raises AppError only."""

    def task(self, name: str) -> TaskSpec: ...

    def submit(
        self, spec: TaskSpec, arguments: Arguments, *, key: str | None, **options: Unpack[SubmitOptions]
    ) -> Job: ...

    def job(self, job_id: str) -> Job: ...

    def has_ended(self, job_id: str) -> bool: ...

    def result(self, job: Job) -> Any: ...

    def cancel(self, job_id: str) -> None: ...

    def news(self, job_id: str, after: str) -> tuple[Status, list[Event]]:
        """Return the status of a job, and its events after the event `after`."""


class RedisSource:
    def __init__(self, settings: SharedSettings, redis: Redis):
        self._settings = settings
        self._redis = redis

    @cached_property
    def _desk(self) -> Desk:
        """Raises SettingsError, RedisError."""
        if problem := refusal_of_data(self._redis):
            raise SettingsError([problem])
        return Desk(self._settings, self._redis)

    @app_errors()
    def task(self, name: str) -> TaskSpec:
        return self._desk.catalog.task(name)

    @app_errors()
    def submit(self, spec: TaskSpec, arguments: Arguments, *, key: str | None, **options: Unpack[SubmitOptions]) -> Job:
        if arguments.uploads and (fault := fault_of_data_dir(self._settings)):
            raise SettingsError([fault])
        return self._desk.submit(spec, arguments, key=key, **options)

    @app_errors()
    def job(self, job_id: str) -> Job:
        return self._desk.job(job_id)

    @app_errors()
    def has_ended(self, job_id: str) -> bool:
        return self._desk.jobs.has_ended(job_id)

    @app_errors()
    def result(self, job: Job) -> Any:
        return self._desk.jobs.result(job)

    @app_errors()
    def cancel(self, job_id: str) -> None:
        act_on_one(self._desk, CANCEL, job_id)

    @app_errors()
    def news(self, job_id: str, after: str) -> tuple[Status, list[Event]]:
        state, events = news_of(self._desk.redis, job_id, after)
        if state:
            return status_of(*state), events
        job = self._desk.jobs.get(job_id)
        if job.is_unreadable:
            raise UnreadableJob(job_id)
        return job.status, events
