"""Statistics of a task: how long its attempts took and waited, and how they ended. Workers write, the web reads.

Redis has three keys per task (by its reference): a hash of counters; the run times of the last attempts that
succeeded; how the last attempts ended (1 for a failed one, else 0). All expire 30 days after the last attempt. The
fields of the hash: `succeeded` and `failed` count attempts; `run_sum` and `wait_sum` are seconds; `run:<bound>` and
`wait:<bound>` count the attempts that took, or waited, up to so many seconds and longer than the bound before. An
attempt waits from the time at which its job was queued last. The same counts by time, also of queues, are in series.py.

The writer adds up in memory and writes once a second, so a child that is killed loses about a second of statistics,
and more only if Redis was away. If Redis took them and the answer is lost, they count twice. An attempt that was lost
with its process or its worker has failed: a supervisor counts it.
"""

from __future__ import annotations

import logging
import math
import time
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, chain
from statistics import median
from typing import NamedTuple

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from taskdesk.jobs.damage import number_or_zero, readable
from taskdesk.jobs.keys import outcomes_key, run_times_key, statistics_key
from taskdesk.jobs.series import of_queue, of_task, write_step
from taskdesk.service import clock

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, math.inf)
LAST_RUNS = 100
STATISTICS_TTL_SECONDS = 30 * 24 * 3600
WRITE_SECONDS = 1.0  # at least, between two writes
RETRY_SECONDS = 10.0  # until the next write when Redis did not answer

_RUN, _WAIT = ([f"{kind}:{bound:g}" for bound in BOUNDS] for kind in ("run", "wait"))

log = logging.getLogger("statistics")


class _Tally:
    """The attempts of a task, from a queue, that Redis does not have yet. It has the same size for any number."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.last: deque[float] = deque(maxlen=LAST_RUNS)
        self.outcomes: deque[int] = deque(maxlen=LAST_RUNS)


class StatisticsWriter:
    """The statistics of one process. Nothing is raised, and no caller waits longer than the connection's time-out."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._tallies: dict[tuple[str, str], _Tally] = defaultdict(_Tally)
        self._due = 0.0

    def add(self, task: str, queue: str, *, succeeded: bool, run: float | None, wait: float | None) -> None:
        """Count an attempt that took `run` seconds after it had waited `wait` seconds; None if that is unknown."""
        tally = self._tallies[task, queue]
        tally.counts["succeeded" if succeeded else "failed"] += 1
        tally.outcomes.append(int(not succeeded))
        if run is not None:
            tally.counts[_RUN[bisect_left(BOUNDS, run)]] += 1
            tally.seconds["run_sum"] += run
        if wait is not None:
            tally.counts[_WAIT[bisect_left(BOUNDS, wait)]] += 1
            tally.seconds["wait_sum"] += wait
        if succeeded and run is not None:
            tally.last.append(run)

    def due_in(self) -> float:
        """Return the seconds until `write` is due: at most 0 if it is, infinite if there is nothing to write."""
        return self._due - time.monotonic() if self._tallies else math.inf

    def write(self) -> None:
        """Write all counts in one round trip. Counts that Redis did not take are kept for the next time."""
        if not self._tallies:
            return
        try:
            with self._redis.pipeline() as pipeline:
                for (task, queue), tally in self._tallies.items():
                    _write(pipeline, task, tally)
                    for subject in (of_task(task), of_queue(queue)):
                        write_step(pipeline, subject, tally.counts, tally.seconds, clock.now())
                # If a key is damaged, the others are written, and must not be written again.
                pipeline.execute(raise_on_error=False)
            self._tallies.clear()
            pause = WRITE_SECONDS
        except (RedisError, OSError) as error:
            log.warning("Redis did not take the statistics of jobs, which are sent again later: %s", error)
            pause = RETRY_SECONDS
        self._due = time.monotonic() + pause


def _write(pipeline: Pipeline, task: str, tally: _Tally) -> None:
    key = statistics_key(task)
    for field, count in tally.counts.items():
        pipeline.hincrby(key, field, count)
    for field, seconds in tally.seconds.items():
        pipeline.hincrbyfloat(key, field, round(seconds, 6))
    pipeline.expire(key, STATISTICS_TTL_SECONDS)
    for key, last in ((run_times_key(task), tally.last), (outcomes_key(task), tally.outcomes)):
        if last:
            pipeline.lpush(key, *last)
            pipeline.ltrim(key, 0, LAST_RUNS - 1)
        pipeline.expire(key, STATISTICS_TTL_SECONDS)


class Histogram(NamedTuple):
    """`counts`: for each of BOUNDS, the attempts of up to so many seconds; the last counts all. `sum` in seconds."""

    counts: list[int]
    sum: float


class Statistics(NamedTuple):
    """All attempts of a task: how many succeeded and failed, how long they ran and waited."""

    succeeded: int
    failed: int
    run: Histogram
    wait: Histogram

    @staticmethod
    def ask(pipeline: Pipeline, task: str) -> None:
        """Ask for the answer that `of` takes."""
        pipeline.hgetall(statistics_key(task))

    @classmethod
    def of(cls, fields: dict[bytes, bytes]) -> Statistics:
        values = {name.decode(errors="replace"): number_or_zero(value) for name, value in fields.items()}
        return cls(
            int(values.get("succeeded", 0)),
            int(values.get("failed", 0)),
            Histogram(_cumulative(values, _RUN), values.get("run_sum", 0.0)),
            Histogram(_cumulative(values, _WAIT), values.get("wait_sum", 0.0)),
        )


def _cumulative(values: dict[str, float], fields: list[str]) -> list[int]:
    return list(accumulate(int(values.get(field, 0)) for field in fields))


class Typical(NamedTuple):
    """Run times of the last attempts that succeeded, in seconds. `runs`: how many these are, at most LAST_RUNS."""

    median: float
    p95: float
    runs: int


def typical(redis: Redis, *tasks: str) -> list[Typical | None]:
    """Return the usual run times of each of these tasks (by reference); None if no attempt succeeded lately."""
    with redis.pipeline(transaction=False) as pipeline:
        for task in tasks:
            pipeline.lrange(run_times_key(task), 0, -1)
        return [_typical(sorted(map(number_or_zero, seconds))) for seconds in pipeline.execute()]


def run_times(redis: Redis, task: str) -> list[float]:
    """Return the run times of the last attempts of a task (by reference) that succeeded, in seconds, oldest first."""
    return [*map(number_or_zero, reversed(redis.lrange(run_times_key(task), 0, -1)))]


def _typical(times: list[float]) -> Typical | None:
    return Typical(median(times), times[math.ceil(0.95 * len(times)) - 1], len(times)) if times else None


def mean_run_seconds(redis: Redis, *groups: Sequence[str]) -> list[float | None]:
    """Return the mean run time of the attempts of each group of tasks (by reference); None if there were none."""
    with redis.pipeline(transaction=False) as pipeline:
        for task in chain(*groups):
            Statistics.ask(pipeline, task)
        answers = iter(pipeline.execute(raise_on_error=False))
    return [_mean([Statistics.of(readable(next(answers), {})).run for _ in tasks]) for tasks in groups]


def _mean(runs: Sequence[Histogram]) -> float | None:
    attempts = sum(run.counts[-1] for run in runs)
    return sum(run.sum for run in runs) / attempts if attempts else None


class LastRuns(NamedTuple):
    """The numbers of the last attempts of a task that succeeded and failed, together LAST_RUNS at most."""

    succeeded: int
    failed: int


def last_runs(redis: Redis, *tasks: str) -> list[LastRuns]:
    """Return how the last attempts of each of these tasks (by reference) ended."""
    with redis.pipeline(transaction=False) as pipeline:
        for task in tasks:
            pipeline.lrange(outcomes_key(task), 0, -1)
        return [LastRuns(outcomes.count(b"0"), outcomes.count(b"1")) for outcomes in pipeline.execute()]


def seconds_since(text: bytes | None, now: float) -> float | None:
    """Return the seconds from a time as RQ writes it until `now` (Unix), never below 0; None if it is unreadable."""
    if not text or not text.endswith(b"Z"):
        return None
    try:
        return max(0.0, now - datetime.fromisoformat(text.decode()).timestamp())
    except ValueError:
        return None
