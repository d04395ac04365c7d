"""Metrics that each web process counts itself; `/metrics` shows the sum of all processes on the socket."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics

from taskdesk.service.http.request_parser import METHODS

disable_created_metrics()  # each adds a line per series that only says when it began
PROCESS_METRICS = CollectorRegistry()

REQUESTS = Histogram(
    "taskdesk_http_request_seconds",
    "Seconds from a request to the head of its answer.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60),
    registry=PROCESS_METRICS,
)
OPEN_STREAMS = Gauge(
    "taskdesk_open_streams",
    "Clients that follow a job by Server-Sent Events now.",
    multiprocess_mode="livesum",
    registry=PROCESS_METRICS,
)


@lru_cache(maxsize=1000)  # bounded: a client may send any method
def requests_of(method: str, route: str, status: int) -> Histogram:
    return REQUESTS.labels(method if method in METHODS else "other", route, status)
