"""Measure how soon an idle worker starts a job."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import quantiles

from bench.contenders import Contender
from bench.redis_server import RedisServer


@dataclass(frozen=True)
class Latency:
    """Seconds from just before the submission to the start of the task."""

    p50: float
    p95: float


def latency(server: RedisServer, contender: Contender, jobs: int) -> Latency:
    """Submit the jobs to one idle worker process, one after the other; both have the same clock."""
    server.client.flushall()
    with contender.start(server.url, 1):
        cuts = quantiles(contender.latencies(server.url, jobs), n=20, method="inclusive")
    return Latency(p50=cuts[9], p95=cuts[18])
