"""What every request may use: the desk, and the news of what runs. One per process."""

from __future__ import annotations

from typing import cast

from flask import current_app

from jobkit.desk import Desk
from jobkit.redis import connect_briefly
from web.settings import WebSettings
from web.stream import EventStreams
from web.wakeups import Wakeups


class WebDesk(Desk):
    def __init__(self, settings: WebSettings):
        url = settings.redis_url.get_secret_value()
        super().__init__(settings, connect_briefly(url))
        self.settings = settings
        self.wakeups = Wakeups(url)
        self.streams = EventStreams(
            self.redis,
            self.jobs,
            self.wakeups,
            most=settings.max_event_streams,
            most_per_client=settings.max_event_streams_per_client,
        )
        self.is_stopping = False

    def let_go(self) -> None:
        """The process stops: answer who waits for a job, and end the event streams. Their clients come again."""
        self.is_stopping = True
        self.wakeups.wake_all()
        self.streams.close()


def desk() -> WebDesk:
    """The desk of the application that handles this request."""
    return cast(WebDesk, current_app.extensions["desk"])
