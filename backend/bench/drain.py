"""How fast a full queue is drained, and what that costs.

The jobs are queued first, while no worker runs; then the worker processes start. The clock starts when they have
counted the first jobs, so the time they need to start is left out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.contenders import Contender
from bench.processes import Processes
from bench.redis_server import RedisServer

POLL = 0.002  # seconds
LIMIT = 30.0  # seconds: a drain that takes longer is cut short; what it has drained counts
START_LIMIT = 60.0  # seconds to the first job
WARM_UP = 0.05  # of the jobs: the clock starts when these are done, and the second of two workers runs, too


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
        begin = _Sample.take(server, workers, wait_for_done(server, workers, max(1, int(jobs * WARM_UP)), START_LIMIT))
        end = _Sample.take(server, workers, wait_for_done(server, workers, jobs, LIMIT))
    done = end.done - begin.done
    if not done:
        raise RuntimeError(f"{contender.name} drained {jobs} jobs at once or none: too few to measure, or it hangs")
    return Drain(
        rate=done / (end.at - begin.at),
        cpu=(end.cpu - begin.cpu) / done,
        redis_cpu=(end.redis_cpu - begin.redis_cpu) / done,
    )


def wait_for_done(server: RedisServer, workers: Processes, jobs: int, seconds: float) -> int:
    """Wait until this number of jobs was counted, or the time is up. How many were."""
    deadline = time.monotonic() + seconds
    while True:
        done = server.jobs_done()
        if done >= jobs or time.monotonic() > deadline:
            return done
        workers.check()
        time.sleep(POLL)


@dataclass(frozen=True)
class _Sample:
    at: float
    done: int
    cpu: float
    redis_cpu: float

    @classmethod
    def take(cls, server: RedisServer, workers: Processes, done: int) -> _Sample:
        return cls(time.perf_counter(), done, workers.cpu_seconds(), server.cpu_seconds())
