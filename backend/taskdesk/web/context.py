"""The desk of the web: what every request may use. One per process."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app, g

from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Job
from taskdesk.service.redis import connect_shared
from taskdesk.web.access.identity import current_user
from taskdesk.web.settings import WebSettings
from taskdesk.web.streams.event_streams import EventStreams
from taskdesk.web.streams.job_notifier import JobNotifier


class WebDesk(Desk):
    def __init__(self, settings: WebSettings):
        url = settings.redis_url.get_secret_value()
        super().__init__(settings, connect_shared(url))
        self.settings = settings
        self.notifier = JobNotifier(url)
        self.streams = EventStreams(
            self.redis,
            self.jobs,
            self.notifier,
            most=settings.max_event_streams,
            most_per_client=settings.max_event_streams_per_client,
        )
        self.is_stopping = False

    def submit(self, spec: TaskSpec, arguments: Arguments, **options: Any) -> Job:
        """As `Desk.submit`, within a request: its user is the owner."""
        job = self.submit_for(_owner(), g.request_id, spec, arguments, **options)
        g.setdefault("made", []).append(job.id)
        return job

    def submit_for(self, owner: str, request_id: str, spec: TaskSpec, arguments: Arguments, **options: Any) -> Job:
        """As `Desk.submit`."""
        return super().submit(spec, arguments, owner=owner, request_id=request_id, **options)

    def submit_many(self, spec: TaskSpec, inputs: list[dict[str, Any]], **options: Any) -> list[str]:
        """As `Desk.submit_many`, within a request: its user is the owner."""
        ids = super().submit_many(spec, inputs, owner=_owner(), request_id=g.request_id, **options)
        g.setdefault("made", []).extend(ids)
        return ids

    def shut_down(self) -> None:
        """Answer the requests that wait for a job, and end the event streams: the process stops. Clients reconnect."""
        self.is_stopping = True
        self.notifier.wake_all()
        self.streams.close()


def _owner() -> str:
    user = current_user()
    return user.name if user else ""


def desk() -> WebDesk:
    """The desk of the application that handles this request."""
    return cast(WebDesk, current_app.extensions["desk"])
