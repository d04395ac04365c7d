"""Measure how fast a full queue is drained, and the CPU time per job.

The jobs are queued before the worker processes start. The clock starts when the first jobs are done, so the start
of the workers is not measured.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.contenders import Contender
from bench.processes import Processes
from bench.redis_server import RedisServer

POLL_SECONDS = 0.002
DRAIN_SECONDS = 30.0  # a longer drain is cut short, and the jobs so far count
START_SECONDS = 60.0  # limit for the first job
WARM_UP = 0.05  # share of the jobs: the clock starts when these are done, and both workers run by then


@dataclass(frozen=True)
class Drain:
    """One drain, per job."""

    rate: float  # jobs/s
    cpu: float  # seconds of all worker processes
    redis_cpu: float  # seconds of Redis


def drain(server: RedisServer, contender: Contender, processes: int, jobs: int) -> Drain:
    """Queue the jobs in an empty Redis, start the workers, and measure."""
    server.client.flushall()
    contender.submit(server.url, jobs)
    with contender.start(server.url, processes) as workers:
        begin = _Sample.take(
            server, workers, wait_for_done(server, workers, max(1, int(jobs * WARM_UP)), START_SECONDS)
        )
        end = _Sample.take(server, workers, wait_for_done(server, workers, jobs, DRAIN_SECONDS))
    done = end.done - begin.done
    if not done:
        raise RuntimeError(f"{contender.name} drained {jobs} jobs at once or none: too few to measure, or it hangs")
    return Drain(
        rate=done / (end.at - begin.at),
        cpu=(end.cpu - begin.cpu) / done,
        redis_cpu=(end.redis_cpu - begin.redis_cpu) / done,
    )


def wait_for_done(server: RedisServer, workers: Processes, jobs: int, seconds: float) -> int:
    """Wait until this many jobs are done, or the time is up. Return how many are."""
    deadline = time.monotonic() + seconds
    while True:
        done = server.jobs_done()
        if done >= jobs or time.monotonic() > deadline:
            return done
        workers.check()
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class _Sample:
    at: float
    done: int
    cpu: float
    redis_cpu: float

    @classmethod
    def take(cls, server: RedisServer, workers: Processes, done: int) -> _Sample:
        return cls(time.perf_counter(), done, workers.cpu_seconds(), server.cpu_seconds())
