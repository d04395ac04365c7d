"""Another attempt that a task asks for: it raises RetryLater, or returns RQ's Retry, as with RQ's own worker."""

from __future__ import annotations

import base64
import json
import sys

from rq import Retry

TYPE = "Retry"
ATTEMPTS_OVER = json.dumps(
    {
        "type": "MaxRetriesExceeded",
        "title": "No retries left",
        "detail": "The task asked for another attempt by returning Retry, and has had as many as its max allows.",
    }
)
RETRIES_OVER = json.dumps(
    {
        "type": "RetryLater",
        "title": "No retries left",
        "detail": "The task asked for another attempt by raising RetryLater, and has had as many as its retries allow.",
    }
)
RETURNED = base64.b64encode(b'"Unserializable return value"').decode()  # what RQ stores as JSON for any Retry


class RetryAsked(Exception):
    """The task returned Retry: the job is to be tried again. `retry`: that Retry as JSON, for settle.lua."""

    def __init__(self, retry: Retry):
        super().__init__(f"The task asked for another attempt: {retry!r}.")
        fields = {
            "max": min(retry.max, sys.maxsize),
            "intervals": retry.intervals,
            "at_front": bool(retry.enqueue_at_front),
        }
        self.retry = json.dumps(fields, allow_nan=False)
