"""`/metrics` of the worker's program, for Prometheus: figures of its own processes. The web has those of Redis.

A process of its own answers. So no worker process needs a thread, and a slow client keeps none from its jobs.
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
    """A collector for prometheus-client."""

    def __init__(self, meters: Meters):
        self._meters = meters

    def collect(self) -> Iterator[Metric]:
        meters = self._meters
        info = GaugeMetricFamily("taskdesk_worker_info", "The version that runs.", labels=("version",))
        info.add_metric((VERSION,), 1)
        yield info
        alive = [row for row in meters.rows if _is_alive(row["pid"])]
        gauges = {
            "start_time_seconds": ("Unix time at which the program started.", meters.began),
            "processes": ("Worker processes that are alive.", len(alive)),
            "running_jobs": ("Jobs that are running.", sum(row["running"] for row in alive)),
            "redis_up": ("1 if Redis answers all worker processes, else 0.", all(r["redis_up"] for r in alive)),
            "resident_bytes": (
                "Memory of the worker processes, their templates and their children.",
                sum(resident_memory(row[name]) for row in alive for name in ("pid", "template", "child") if row[name]),
            ),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"taskdesk_worker_{name}", text, value=value)
        yield from self._counters()
        yield from self._attempts()

    def _counters(self) -> Iterator[Metric]:
        total = self._meters.total
        counters = {
            "redis_outages": ("Times that Redis stopped answering a worker process.", total("redis_outages")),
            "rescued_jobs": ("Jobs that were taken from lost workers.", total("rescued")),
            "handed_back_jobs": ("Times that a job was handed back for another worker.", total("handed_back")),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"taskdesk_worker_{name}", text, value=value)
        children = CounterMetricFamily("taskdesk_worker_children", "Child processes that ended.", labels=("end",))
        for end in ("recycled", "killed", "lost"):
            children.add_metric((end,), total(end))
        yield children

    def _attempts(self) -> Iterator[Metric]:
        jobs = CounterMetricFamily("taskdesk_worker_jobs", "Attempts that have ended.", labels=("task", "outcome"))
        runs = HistogramMetricFamily(
            "taskdesk_worker_job_run_seconds", "Seconds that an attempt took.", labels=("task",)
        )
        for reference, its in self._meters.attempts():
            task = reference.rpartition(".")[2]
            jobs.add_metric((task, "succeeded"), its.succeeded)
            jobs.add_metric((task, "failed"), its.failed)
            counts = accumulate(its.counts)
            runs.add_metric(
                (task,), [(floatToGoString(b), n) for b, n in zip(BOUNDS, counts, strict=True)], its.seconds
            )
        yield from (jobs, runs)


def listen(address: str) -> socket.socket:
    """Return a socket that listens at `host:port`. If it can't, print a sentence and raise SystemExit with status 2."""
    host, _, port = address.partition(":")
    try:
        return socket.create_server((host, int(port)))
    except (OSError, OverflowError) as error:
        print(
            f"Can't listen on {address}: {error}. Set WORKER_METRICS to another address, or to an empty one.",
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def serve_metrics(listener: socket.socket, meters: Meters) -> None:
    """Answer until SIGTERM ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the pool then sends SIGTERM
    registry = CollectorRegistry()
    registry.register(Figures(meters))
    handler = MetricsHandler.factory(registry)
    handler.timeout = REQUEST_SECONDS  # type: ignore[attr-defined]
    server = HTTPServer(listener.getsockname()[:2], handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()


def _is_alive(pid: int) -> bool:
    """Return True if one of our own processes is there; 0 stands for none."""
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except OSError:  # it has ended; its pid may be another user's by now
        return False
    return True
