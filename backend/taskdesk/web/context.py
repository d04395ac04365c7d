"""The desk of the web, which every request uses. One per process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import gevent
from flask import current_app
from gevent.threadpool import ThreadPool

from taskdesk.jobs.alerts.alerts import Alerts
from taskdesk.jobs.alerts.file import read_alerts_file
from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.job import Job
from taskdesk.service.redis import connect_shared
from taskdesk.web.exchange import Exchange, current_exchange
from taskdesk.web.settings import WebSettings
from taskdesk.web.streams.event_streams import EventStreams
from taskdesk.web.streams.job_notifier import JobNotifier

STORE_THREADS = 16  # exchanges with a bucket at the same time


class WebDesk(Desk):
    def __init__(self, settings: WebSettings):
        url = settings.redis_url.get_secret_value()
        super().__init__(settings, connect_shared(url), apart=_in_store_thread)
        self.settings = settings
        self.jobs.results.apart = _in_thread
        self.notifier = JobNotifier(url)
        self.streams = EventStreams(
            self.redis,
            self.jobs,
            self.notifier,
            most=settings.max_event_streams,
            most_per_client=settings.max_event_streams_per_client,
        )
        self.alerts = Alerts(self.redis, self.catalog, read_alerts_file(settings))
        self.is_stopping = False

    def submit(self, spec: TaskSpec, arguments: Arguments, **options: Any) -> Job:
        """As `Desk.submit`, for the request that Flask handles."""
        return self.submit_for(current_exchange(), spec, arguments, **options)

    def submit_for(self, exchange: Exchange, spec: TaskSpec, arguments: Arguments, **options: Any) -> Job:
        """As `Desk.submit`; the job's owner is the user who has sent the request."""
        job = super().submit(spec, arguments, owner=_owner(exchange), request_id=exchange.request_id, **options)
        exchange.job_ids.append(job.id)
        return job

    def submit_many(self, spec: TaskSpec, inputs: list[dict[str, Any]], **options: Any) -> list[str]:
        """As `Desk.submit_many`, for the request that Flask handles."""
        exchange = current_exchange()
        ids = super().submit_many(spec, inputs, owner=_owner(exchange), request_id=exchange.request_id, **options)
        exchange.job_ids.extend(ids)
        return ids

    def run_schedule(self, schedule_id: str) -> Job:
        """Create a job of a schedule now, for the request that Flask handles. Raises as `Firing.run_now`."""
        exchange = current_exchange()
        schedule = self.schedules.get(schedule_id)
        job_id = self.firing.run_now(schedule, _owner(exchange), exchange.request_id)
        exchange.job_ids.append(job_id)
        self._confirm(job_id)
        return self.jobs.get(job_id)

    def shut_down(self) -> None:
        """Answer the requests that wait for a job, and end the event streams: the process stops. Clients reconnect."""
        self.is_stopping = True
        self.notifier.wake_all()
        self.streams.close()


def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return `work(*arguments)`, which takes long, while other requests go on."""
    return gevent.get_hub().threadpool.apply(work, arguments)


def _in_store_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """As `_in_thread`, for exchanges with a bucket: a slow one takes no thread that DNS and results need."""

    def attempt() -> tuple[Any, Exception | None]:
        try:
            return work(*arguments), None
        except Exception as error:  # the pool would print its traceback
            return None, error

    answer, error = _store_threads().apply(attempt)
    if error:
        raise error
    return answer


@cache
def _store_threads() -> ThreadPool:
    return ThreadPool(STORE_THREADS)


def _owner(exchange: Exchange) -> str:
    return exchange.user.name if exchange.user else ""


def desk() -> WebDesk:
    """Return the desk of the application that handles this request."""
    return cast(WebDesk, current_app.extensions["desk"])
