"""Measure what each step of a job costs Redis, check the model with three loads, and write docs/capacity.md.

`make capacity` measures. `python -m bench.capacity --jobs-per-second 40 --job-seconds 3` predicts a load from the costs
that were measured last, which stand in docs/capacity.md; `--help` lists the other numbers.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, astuple, fields, replace
from pathlib import Path
from statistics import mean

from bench.capacity_model import Costs, Load, predict
from bench.capacity_report import Point, as_markdown, prediction_text
from bench.contenders import QUEUES, RETENTION, Taskdesk
from bench.processes import BACKEND, Processes
from bench.redis_server import RedisServer
from bench.steps import report_progress
from taskdesk.jobs.events import news_of
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import WORKERS as WORKERS_ONLINE
from taskdesk.jobs.keys import registry_key
from taskdesk.jobs.submission import MAX_BATCH

_DESCRIPTION = "Without numbers: measure what each step of a job costs Redis. With them: predict such a load from that."
PAGE = BACKEND.parent / "docs" / "capacity.md"
JOBS = 20_000  # of a measurement
SECONDS = 10.0  # that a load, or idle workers, are measured
WAITING = 5_000  # jobs, in a load of batches
WORKERS = 64  # simulated ones
PACE_SECONDS = 0.01  # that a job lasts whose cost is measured
IDLE_WORKERS = 8
REPORTS = 5  # for each job
LOADS = (  # name, simulated workers, what each job does; the workers that cost time without a job are real ones
    ("jobs of 5 ms, in batches", 40, Load(0, 0.005, workers=IDLE_WORKERS, batch=True)),
    ("jobs of 50 ms with 2 reports, in batches", 100, Load(0, 0.05, 2, workers=IDLE_WORKERS, batch=True)),
    ("jobs of 10 ms, submitted one by one", 100, Load(0, 0.01, workers=IDLE_WORKERS)),
)


class Capacity:
    """Measures one Redis with `jobs` jobs and loads of `seconds`."""

    def __init__(self, server: RedisServer, folder: Path, jobs: int = JOBS, seconds: float = SECONDS):
        self._server, self._redis, self._folder = server, server.client, folder
        self._jobs = Jobs(server.client, QUEUES)
        self._taskdesk = Taskdesk(folder)
        self._number, self._seconds = jobs, seconds

    def costs(self) -> Costs:
        few = self._number // 10
        empty = self._empty()
        batch = self._cost(lambda: self._submit_many(self._number), self._number)
        waiting = (self._server.used_memory() - empty) / self._number
        run = self._run_all()
        finished = (self._server.used_memory() - empty) / self._number
        ids: list[str] = []
        submit = self._cost(lambda: ids.extend(self._submit() for _ in range(few)), few)
        event = self._cost(lambda: self._report(ids), REPORTS * few)
        watch = self._cost(lambda: [news_of(self._redis, job_id, "0-0") for job_id in ids], few)
        return Costs(submit, batch, run, event, watch, self._worker_second(), waiting, finished)

    def measure(self, simulated: int, load: Load) -> tuple[Load, float]:
        """Try this load. Return it with its jobs/s, and Redis's share of a core."""
        rate, share = self._load(simulated, load)
        return replace(load, jobs_per_second=rate), share

    def _empty(self) -> int:
        self._redis.flushall()
        self._spec = self._taskdesk.spec(self._server.url, "count")
        self._submit_many(1)  # what Redis keeps beside the jobs
        return self._server.used_memory()

    def _submit(self) -> str:
        return self._jobs.submit(self._spec, {}, RETENTION).id

    def _submit_many(self, number: int) -> None:
        for start in range(0, number, MAX_BATCH):
            self._jobs.submit_many(self._spec, [{}] * min(MAX_BATCH, number - start), RETENTION)

    def _report(self, ids: list[str]) -> None:
        for job_id in ids:
            for number in range(REPORTS):
                report_progress(self._redis, job_id, number, REPORTS)

    def _cost(self, step: Callable[[], object], times: int) -> float:
        """Return the µs of Redis's CPU for each time that the step is taken."""
        before = self._server.cpu_seconds()
        step()
        return (self._server.cpu_seconds() - before) / times * 1e6

    def _run_all(self) -> float:
        """Have all waiting jobs run; return the cost of each. Redis is half busy: near its limit it needs less."""
        with self._simulated(WORKERS, Load(0, PACE_SECONDS)) as workers:
            start = self._until_done(self._finished() + self._number // 20, workers)
            cost = self._cost(lambda: self._until_done(self._number, workers), 1)
        return cost / (self._number - start)

    def _worker_second(self) -> float:
        """Return the µs that one real idle worker process costs in a second."""
        self._redis.flushall()
        with self._idle_workers() as workers:
            workers.check()
            return self._cost(lambda: time.sleep(2 * self._seconds), 1) / (2 * self._seconds * IDLE_WORKERS)

    @contextmanager
    def _idle_workers(self) -> Iterator[Processes]:
        """Run real workers whose queue stays empty."""
        with self._taskdesk.start(self._server.url, IDLE_WORKERS, QUEUES="nobody") as workers:
            while self._redis.zcard(WORKERS_ONLINE) < IDLE_WORKERS:
                workers.check()
                time.sleep(0.1)
            time.sleep(1)  # the start costs more
            yield workers

    def _load(self, simulated: int, load: Load) -> tuple[float, float]:
        """Return jobs/s and Redis's share of a core."""
        self._empty()
        submitted = 0
        with self._idle_workers(), self._simulated(simulated, load):
            cpu, at, start = self._server.cpu_seconds(), time.monotonic(), self._finished()
            while time.monotonic() < at + self._seconds:
                if not load.batch:
                    self._submit()
                elif submitted < self._finished() + WAITING:
                    self._submit_many(MAX_BATCH)
                    submitted += MAX_BATCH
                else:
                    time.sleep(0.01)
            seconds = time.monotonic() - at
            done, used = self._finished() - start, self._server.cpu_seconds() - cpu
        return done / seconds, used / seconds

    def _simulated(self, number: int, load: Load) -> Processes:
        arguments = [self._server.url, number, load.job_seconds, int(load.events_per_job)]
        command = [sys.executable, "-m", "gevent.monkey", "--module", "bench.simulation", *map(str, arguments)]
        return Processes([command], {}, self._folder / "simulated.log")

    def _finished(self) -> int:
        return sum(int(self._redis.zcard(registry_key("finished", queue))) for queue in QUEUES)

    def _until_done(self, number: int, workers: Processes) -> int:
        while (done := self._finished()) < number:
            workers.check()
            time.sleep(0.01)
        return done


def measured_costs(page: Path = PAGE) -> Costs:
    """Return the costs that stand in docs/capacity.md, or end with a sentence."""
    found = re.search(r"<!-- (\{.*\}) -->", page.read_text()) if page.exists() else None
    if not found:
        raise SystemExit(f"{page} has no costs: `make capacity` measures them.")
    return Costs(**json.loads(found[1]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=_DESCRIPTION)
    for field in fields(Load):
        option = f"--{field.name.replace('_', '-')}"
        if field.name == "batch":
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option, type=float, default=0.0 if field.default is MISSING else field.default)
    load = Load(**vars(parser.parse_args()))
    if load.jobs_per_second:
        print(prediction_text(measured_costs(), load), end="")
        return
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        PAGE.write_text(_measured(server, Path(folder)))


def _measured(server: RedisServer, folder: Path) -> str:
    """Return the page. The costs are measured before and after each load: the machine is not always as fast."""
    capacity = Capacity(server, folder)
    found, tried = [capacity.costs()], []
    for name, simulated, load in LOADS:
        tried.append((name, *capacity.measure(simulated, load)))
        found.append(capacity.costs())
    costs = Costs(*map(mean, zip(*map(astuple, found), strict=True)))
    points = [Point(name, load.jobs_per_second, share, predict(costs, load).redis_share) for name, load, share in tried]
    for point in points:
        print(f"{point.name}: measured {point.measured:.1%}, predicted {point.predicted:.1%}")
    return as_markdown(costs, points, server.version)


if __name__ == "__main__":
    main()
