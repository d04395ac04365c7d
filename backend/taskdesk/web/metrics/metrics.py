"""`/metrics`, for Prometheus: what Redis knows of queues, workers and tasks, and what the web processes have counted.

The processes on one socket keep their counts in files of one folder (folder.py); the one that is scraped adds them up.
Labels are queues, tasks of the catalog and routes, never text from a client.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from taskdesk.web.context import desk
from taskdesk.web.metrics.alert_metrics import AlertMetrics
from taskdesk.web.metrics.folder import delete_gauges_of_dead_processes, find_folder
from taskdesk.web.metrics.process_metrics import PROCESS_METRICS
from taskdesk.web.metrics.redis_metrics import RedisMetrics

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def metrics() -> Response:
    """Return all metrics; while Redis is away, those of HTTP."""
    registry = CollectorRegistry()  # for this scrape: the collector of several processes takes a registry of its own
    if folder := find_folder():
        delete_gauges_of_dead_processes(folder)
        MultiProcessCollector(registry, str(folder))
    else:
        registry.register(PROCESS_METRICS)
    registry.register(RedisMetrics(desk()))
    registry.register(AlertMetrics(desk().alerts))
    registry.register(_DiskMetrics())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _DiskMetrics:
    """A collector, because a Gauge would write to the folder of the processes, and stay when they have ended."""

    def collect(self) -> Iterator[Metric]:
        disk = desk().artifacts.disk()
        if not disk:
            return
        yield GaugeMetricFamily("taskdesk_data_free_bytes", "Free on the disk of DATA_DIR.", disk.free)
        yield GaugeMetricFamily("taskdesk_data_reserve_bytes", "Of that, what stays free.", disk.reserve)
