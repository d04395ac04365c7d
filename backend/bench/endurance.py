"""A long drain, which shows whether speed and memory stay the same."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.contenders import Taskdesk
from bench.drain import START_SECONDS, wait_for_done
from bench.redis_server import RedisServer

STEPS = 10


@dataclass(frozen=True)
class Step:
    """State after `jobs` jobs: the rate since the step before, and the memory of supervisor and child in bytes."""

    jobs: int
    rate: float
    pss: int


@dataclass(frozen=True)
class Endurance:
    steps: list[Step]
    redis_bytes_per_job: float


def endurance(server: RedisServer, taskdesk: Taskdesk, jobs: int) -> Endurance:
    """Drain this many jobs with one worker process, in ten steps, without replacing its child."""
    server.client.flushall()
    empty = server.used_memory()
    taskdesk.submit(server.url, jobs)
    with taskdesk.start(server.url, 1, RECYCLE_JOBS=str(2 * jobs)) as workers:
        done, at = wait_for_done(server, workers, 1, START_SECONDS), time.perf_counter()
        steps = []
        for number in range(1, STEPS + 1):
            before, since = done, at
            done, at = wait_for_done(server, workers, number * jobs // STEPS, 120), time.perf_counter()
            steps.append(Step(done, (done - before) / (at - since), workers.memory().pss))
    return Endurance(steps, (server.used_memory() - empty) / jobs)
