"""`/metrics`, for Prometheus: what Redis has of queues, workers and tasks, and what the web processes have counted.

Redis is read at each scrape, by commands whose cost does not depend on the number of jobs. With several web processes
on one socket each keeps its own counts in a file of the folder PROMETHEUS_MULTIPROC_DIR, and whoever is asked adds
them up. Labels are queues, tasks of the catalog, routes: never what a client has sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from taskdesk.web.context import desk
from taskdesk.web.metrics.folder import delete_gauges_of_dead_processes, find_folder
from taskdesk.web.metrics.process_metrics import PROCESS_METRICS
from taskdesk.web.metrics.redis_metrics import RedisMetrics

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def metrics() -> Response:
    """All figures. It answers while Redis is away, too, with those of HTTP."""
    registry = CollectorRegistry()  # of this scrape: the collector of several processes knows no other collectors
    if folder := find_folder():
        delete_gauges_of_dead_processes(folder)
        MultiProcessCollector(registry, str(folder))
    else:
        registry.register(PROCESS_METRICS)
    registry.register(RedisMetrics(desk()))
    registry.register(_DiskMetrics())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _DiskMetrics:
    """A collector: a Gauge would write into the folder of the processes, too, and stay when they have ended."""

    def collect(self) -> Iterator[Metric]:
        disk = desk().artifacts.disk()
        yield GaugeMetricFamily("taskdesk_data_free_bytes", "Free on the disk of DATA_DIR.", disk.free)
        yield GaugeMetricFamily("taskdesk_data_reserve_bytes", "Of that, what stays free.", disk.reserve)
