"""What Redis says of queues, workers and tasks, as metrics: one round trip, and those of the catalogue once a second.

All reads cost the same however many jobs there are, and clean nothing up: what has expired is counted out.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString
from redis.exceptions import RedisError
from rq.worker import WorkerStatus

from jobkit.catalog import Announced, TaskSpec
from jobkit.statistics import BOUNDS, Histogram, Statistics, seconds_since
from web.desk import Desk

STATUSES = ("queued", "running", "succeeded", "failed", "scheduled", "waiting", "canceled")

# ARGV: queue, now. When the job at the head was queued, then how many jobs there are of each of STATUSES. What has
# expired is still in three registries until RQ's clean-up, which takes the scores from 0 to now.
_QUEUE = """
local queue = ARGV[1]
local id = redis.call('LINDEX', 'rq:queue:' .. queue, 0)
local answer = {id and redis.call('HGET', 'rq:job:' .. id, 'enqueued_at'), redis.call('LLEN', 'rq:queue:' .. queue)}
for _, registry in ipairs({'rq:wip:', 'rq:finished:', 'rq:failed:'}) do
  local key = registry .. queue
  table.insert(answer, redis.call('ZCARD', key) - redis.call('ZCOUNT', key, 0, ARGV[2]))
end
for _, registry in ipairs({'rq:scheduled:', 'rq:deferred:', 'rq:canceled:'}) do
  table.insert(answer, redis.call('ZCARD', registry .. queue))
end
return answer
"""

log = logging.getLogger("web")


class RedisFigures:
    """A collector, for the registry of one scrape."""

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
        queues = list(dict.fromkeys([*self._desk.settings.queues, *(task.queue for task in tasks)]))
        now = time.time()
        with self._desk.redis.pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.eval(_QUEUE, 0, queue, now)
            for task in tasks:
                Statistics.ask(pipeline, task.reference)
            answers = pipeline.execute()
        states = dict(zip(queues, answers, strict=False))
        return [
            _jobs(states),
            _oldest(states, now),
            _workers(queues, announced),
            *_runs(tasks, answers[len(queues) :]),
        ]


def _jobs(states: dict[str, list[Any]]) -> Metric:
    family = GaugeMetricFamily("rq_jobs", "Jobs that are in Redis.", labels=("queue", "status"))
    for queue, (_, *counts) in states.items():
        for status, count in zip(STATUSES, counts, strict=True):
            family.add_metric((queue, status), count)
    return family


def _oldest(states: dict[str, list[Any]], now: float) -> Metric:
    family = GaugeMetricFamily("rq_queue_oldest_seconds", "How long the job at the head waits.", labels=("queue",))
    for queue, (enqueued_at, *_) in states.items():
        family.add_metric((queue,), seconds_since(enqueued_at, now) or 0)
    return family


def _workers(queues: Sequence[str], announced: Announced) -> Metric:
    family = GaugeMetricFamily("rq_workers", "Workers online that serve the queue.", labels=("queue", "state"))
    counts = Counter((queue, worker.state) for worker in announced.workers for queue in worker.queues)
    for queue in queues:
        for state in WorkerStatus:
            family.add_metric((queue, state.value), counts[queue, state.value])
    return family


def _runs(tasks: Sequence[TaskSpec], answers: Sequence[dict[bytes, bytes]]) -> list[Metric]:
    ends = CounterMetricFamily("taskdesk_jobs", "Runs that have ended.", labels=("task", "outcome"))
    runs = HistogramMetricFamily("taskdesk_job_run_seconds", "Seconds that a run took.", labels=("task",))
    waits = HistogramMetricFamily(
        "taskdesk_job_wait_seconds", "Seconds from a job's place in the queue to its run.", labels=("task",)
    )
    for task, answer in zip(tasks, answers, strict=True):
        statistics = Statistics.of(answer)
        ends.add_metric((task.name, "succeeded"), statistics.succeeded)
        ends.add_metric((task.name, "failed"), statistics.failed)
        _add(runs, task, statistics.run)
        _add(waits, task, statistics.wait)
    return [ends, runs, waits]


def _add(family: HistogramMetricFamily, task: TaskSpec, histogram: Histogram) -> None:
    buckets = [(floatToGoString(bound), count) for bound, count in zip(BOUNDS, histogram.counts, strict=True)]
    family.add_metric((task.name,), buckets, histogram.sum)
