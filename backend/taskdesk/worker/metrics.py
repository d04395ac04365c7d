"""`/metrics` of the worker's program, for Prometheus: what its own processes do. What Redis knows, the web shows.

A process of its own answers, so no worker process has a thread, and a slow client keeps none from its jobs.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from http.server import HTTPServer
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import MetricsHandler
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from taskdesk.jobs.statistics import BOUNDS
from taskdesk.version import VERSION
from taskdesk.worker.process_memory import resident_memory
from taskdesk.worker.shared.meters import Meters

REQUEST_SECONDS = 5  # for a client to send its request; nobody else is answered meanwhile


class Figures:
    """A collector for Prometheus."""

    def __init__(self, meters: Meters):
        self._meters = meters

    def collect(self) -> Iterator[Metric]:
        meters = self._meters
        info = GaugeMetricFamily("taskdesk_worker_info", "The version that runs.", labels=("version",))
        info.add_metric((VERSION,), 1)
        yield info
        alive = [row for row in meters.rows if _is_alive(row["pid"])]
        gauges = {
            "start_time_seconds": ("When the program was started, in Unix time.", meters.began),
            "processes": ("Worker processes that live.", len(alive)),
            "running_jobs": ("Jobs that run now.", sum(row["running"] for row in alive)),
            "redis_up": ("Whether Redis answers all worker processes: 1, else 0.", all(r["redis_up"] for r in alive)),
            "resident_bytes": (
                "Memory of the worker processes and their children.",
                sum(resident_memory(row[name]) for row in alive for name in ("pid", "child") if row[name]),
            ),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"taskdesk_worker_{name}", text, value=value)
        yield from self._counters()
        yield from self._runs()

    def _counters(self) -> Iterator[Metric]:
        total = self._meters.total
        outages = "Times that a worker process found Redis away."
        yield CounterMetricFamily("taskdesk_worker_redis_outages", outages, value=total("redis_outages"))
        rescued = "Jobs that were taken from workers which were lost."
        yield CounterMetricFamily("taskdesk_worker_rescued_jobs", rescued, value=total("rescued"))
        handed_back = "Jobs that it could not run and handed back, each time."
        yield CounterMetricFamily("taskdesk_worker_handed_back_jobs", handed_back, value=total("handed_back"))
        children = CounterMetricFamily("taskdesk_worker_children", "Child processes that ended.", labels=("end",))
        for end in ("recycled", "killed", "lost"):
            children.add_metric((end,), total(end))
        yield children

    def _runs(self) -> Iterator[Metric]:
        jobs = CounterMetricFamily("taskdesk_worker_jobs", "Runs that have ended.", labels=("task", "outcome"))
        runs = HistogramMetricFamily("taskdesk_worker_job_run_seconds", "Seconds that a run took.", labels=("task",))
        for reference, its in self._meters.runs():
            task = reference.rpartition(".")[2]
            jobs.add_metric((task, "succeeded"), its.succeeded)
            jobs.add_metric((task, "failed"), its.failed)
            counts = accumulate(its.counts)
            runs.add_metric(
                (task,), [(floatToGoString(b), n) for b, n in zip(BOUNDS, counts, strict=True)], its.seconds
            )
        yield from (jobs, runs)


def listen(address: str) -> socket.socket:
    """A socket that listens at `host:port`. Raises SystemExit with status 2, and a sentence, if it can't."""
    host, _, port = address.partition(":")
    try:
        return socket.create_server((host, int(port)))
    except (OSError, OverflowError) as error:
        print(f"Can't listen on {address}: {error}. Set WORKER_METRICS to another, or to none.", file=sys.stderr)
        raise SystemExit(2) from None


def serve_metrics(listener: socket.socket, meters: Meters) -> None:
    """Answer until SIGTERM ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the pool sends its own signal
    registry = CollectorRegistry()
    registry.register(Figures(meters))
    handler = MetricsHandler.factory(registry)
    handler.timeout = REQUEST_SECONDS  # type: ignore[attr-defined]
    server = HTTPServer(listener.getsockname()[:2], handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()


def _is_alive(pid: int) -> bool:
    """Whether one of our own processes is there; 0 is none."""
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except OSError:  # it has ended; its number may be another user's by now
        return False
    return True
