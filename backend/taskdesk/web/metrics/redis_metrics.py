"""Metrics of queues, workers and tasks, read from Redis in a few round trips at each scrape.

The reads cost the same however many jobs there are. They delete nothing: what has expired is not counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString
from redis.exceptions import RedisError

from taskdesk.jobs.catalog import Announced, TaskSpec
from taskdesk.jobs.cause import State
from taskdesk.jobs.causes import counts
from taskdesk.jobs.deliveries import ask_for_figures, figures_of
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.schedules.late import ask_for_due, lag_of, late_of
from taskdesk.jobs.statistics import BOUNDS, Histogram, Statistics
from taskdesk.service import clock
from taskdesk.service.redis import JOBS_SHARE, Memory

WORKER_STATES = ("started", "suspended", "busy", "idle")  # RQ's words

log = logging.getLogger("web")


class RedisMetrics:
    """A Prometheus collector for the registry of one scrape."""

    def __init__(self, desk: Desk):
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("taskdesk_redis_up", "Whether Redis has answered: 1, else 0.", value=1)
        try:
            families = self._families()
        except RedisError as error:
            log.error("redis: %s", error)
            up, families = GaugeMetricFamily(up.name, up.documentation, value=0), []
        yield up
        yield from families

    def _families(self) -> list[Metric]:
        announced = self._desk.catalog.read()
        tasks = list(announced.tasks.values())
        queues = self._desk.queues.read()
        with self._desk.redis.pipeline(transaction=False) as pipeline:
            for task in tasks:
                Statistics.ask(pipeline, task.reference)
            ask_for_due(pipeline, now := clock.now())
            ask_for_figures(pipeline)
            pipeline.info("memory")
            *answers, due, troubled, ends, waiting, ended, oldest, info = pipeline.execute()
        return [
            _jobs(queues),
            _handed_back(queues),
            _limits(queues, self._desk.max_queued),
            _oldest(queues),
            _workers(queues, announced),
            *_memory(Memory.of(info)),
            GaugeMetricFamily(
                "taskdesk_schedule_lag_seconds", "How long the slot that is due waits.", value=lag_of(due, now)
            ),
            GaugeMetricFamily(
                "taskdesk_late_schedules",
                "Schedules whose slot was due and did not run.",
                value=len(late_of(due, troubled, now=now)),
            ),
            *_deliveries(figures_of(ends, waiting, ended, oldest)),
            *_runs(tasks, answers),
            *_causes(counts(self._desk.causes.summaries())),
        ]


def _jobs(queues: Sequence[Queue]) -> Metric:
    family = GaugeMetricFamily("rq_jobs", "Jobs that are in Redis.", labels=("queue", "status"))
    for queue in queues:
        for status, count in queue.jobs.items():
            family.add_metric((queue.name, status), count)
    return family


def _handed_back(queues: Sequence[Queue]) -> Metric:
    family = GaugeMetricFamily(
        "taskdesk_handed_back_jobs", "Jobs that wait for a worker that can run them.", labels=("queue",)
    )
    for queue in queues:
        family.add_metric((queue.name,), queue.handed_back)
    return family


def _limits(queues: Sequence[Queue], limit: int) -> Metric:
    family = GaugeMetricFamily(
        "taskdesk_queue_limit", "How many jobs may be queued and scheduled in the queue.", labels=("queue",)
    )
    for queue in queues:
        family.add_metric((queue.name,), limit)
    return family


def _memory(memory: Memory) -> list[Metric]:
    return [
        GaugeMetricFamily("taskdesk_redis_memory_used_bytes", "What Redis's data take.", value=memory.used),
        GaugeMetricFamily("taskdesk_redis_memory_max_bytes", "Redis's maxmemory; 0: no limit.", value=memory.limit),
        GaugeMetricFamily(
            "taskdesk_redis_memory_jobs_max_bytes",
            "Of that, what submits may fill; 0: no limit.",
            value=memory.limit * JOBS_SHARE,
        ),
    ]


def _deliveries(figures: Mapping[str, float]) -> list[Metric]:
    ended = CounterMetricFamily("taskdesk_deliveries", "Deliveries to webhooks that have ended.", labels=("outcome",))
    for outcome in ("delivered", "failed"):
        ended.add_metric((outcome,), figures[outcome])
    waiting = "Deliveries to webhooks that wait for their first or next attempt."
    oldest = "How long the oldest of these has waited."
    return [
        ended,
        GaugeMetricFamily("taskdesk_deliveries_waiting", waiting, value=figures["waiting"]),
        GaugeMetricFamily("taskdesk_deliveries_oldest_seconds", oldest, value=figures["oldest_seconds"]),
    ]


def _oldest(queues: Sequence[Queue]) -> Metric:
    family = GaugeMetricFamily("rq_queue_oldest_seconds", "How long the oldest job waits.", labels=("queue",))
    for queue in queues:
        family.add_metric((queue.name,), queue.oldest_seconds)
    return family


def _workers(queues: Sequence[Queue], announced: Announced) -> Metric:
    family = GaugeMetricFamily("rq_workers", "Workers online that serve the queue.", labels=("queue", "state"))
    counts = Counter((queue, worker.state) for worker in announced.workers for queue in worker.queues)
    for queue in queues:
        for state in WORKER_STATES:
            family.add_metric((queue.name, state), counts[queue.name, state])
    return family


def _runs(tasks: Sequence[TaskSpec], answers: Sequence[dict[bytes, bytes]]) -> list[Metric]:
    ends = CounterMetricFamily("taskdesk_jobs", "Attempts that have ended.", labels=("task", "outcome"))
    runs = HistogramMetricFamily("taskdesk_job_run_seconds", "Seconds that an attempt took.", labels=("task",))
    waits = HistogramMetricFamily(
        "taskdesk_job_wait_seconds",
        "Seconds from a job's place in the queue to the start of the attempt.",
        labels=("task",),
    )
    for task, answer in zip(tasks, answers, strict=True):
        statistics = Statistics.of(answer)
        ends.add_metric((task.name, "succeeded"), statistics.succeeded)
        ends.add_metric((task.name, "failed"), statistics.failed)
        _add(runs, task, statistics.run)
        _add(waits, task, statistics.wait)
    return [ends, runs, waits]


def _causes(counts: Mapping[State, tuple[int, int]]) -> list[Metric]:
    causes = GaugeMetricFamily("taskdesk_failure_causes", "Causes of failures.", labels=("state",))
    jobs = GaugeMetricFamily(
        "taskdesk_unretried_failed_jobs", "Their failed jobs that nobody has retried.", labels=("state",)
    )
    for state, (number, open_jobs) in counts.items():
        causes.add_metric((state,), number)
        jobs.add_metric((state,), open_jobs)
    return [causes, jobs]


def _add(family: HistogramMetricFamily, task: TaskSpec, histogram: Histogram) -> None:
    buckets = [(floatToGoString(bound), count) for bound, count in zip(BOUNDS, histogram.counts, strict=True)]
    family.add_metric((task.name,), buckets, histogram.sum)
