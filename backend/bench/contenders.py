"""The contenders: Taskdesk and its peers, each with its own way to start workers and to submit jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from redis import Redis

from bench.arrivals import latencies
from bench.processes import BACKEND, Processes
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.submission import MAX_BATCH

QUEUES = ("high", "default", "low")
PEERS_PYTHON = str(BACKEND.parent / ".venv-bench" / "bin" / "python")
RETENTION = Retention(result_ttl=7 * 86400, failure_ttl=30 * 86400)


class Contender(Protocol):
    """`jobs` is about the number that one process drains in 2 to 4 seconds."""

    @property
    def name(self) -> str: ...

    @property
    def jobs(self) -> int: ...

    def start(self, url: str, processes: int) -> Processes: ...

    def submit(self, url: str, number: int) -> None:
        """Queue this number of jobs of the task `count`."""

    def latencies(self, url: str, number: int) -> list[float]:
        """Return the same as `arrivals.latencies`, while a worker runs."""


class Taskdesk:
    """The product as in production: `worker.py`, and jobs submitted through `taskdesk.jobs`."""

    name = "Taskdesk"
    jobs = 10_000

    def __init__(self, folder: Path):
        self._folder = folder
        self._specs: dict[str, TaskSpec] = {}

    def start(self, url: str, processes: int, **settings: str) -> Processes:
        environment = {
            "REDIS_URL": url,
            "DATA_DIR": str(self._folder / "data"),
            "WORKERS": str(processes),
            "TASKS": "bench.tasks",
            "QUEUES": ",".join(QUEUES),
            **settings,
        }
        return Processes([[sys.executable, "worker.py"]], environment, self._folder / "Taskdesk.log")

    def submit(self, url: str, number: int) -> None:
        spec = self.spec(url, "count")
        with Redis.from_url(url) as redis:
            jobs = Jobs(redis, QUEUES)
            for start in range(0, number, MAX_BATCH):
                jobs.submit_many(spec, [{}] * min(MAX_BATCH, number - start), RETENTION)

    def latencies(self, url: str, number: int) -> list[float]:
        spec = self.spec(url, "arrive")
        with Redis.from_url(url) as redis:
            jobs = Jobs(redis, QUEUES)
            return latencies(redis, lambda: jobs.submit(spec, {}, RETENTION), number)

    def spec(self, url: str, task: str) -> TaskSpec:
        """Return the task as a worker announces it. The first time, start a worker for that."""
        if task not in self._specs:
            with Redis.from_url(url) as redis, self.start(url, 1) as worker:
                catalog = CatalogReader(redis)
                while task not in self._specs:
                    worker.check()
                    try:
                        self._specs[task] = catalog.task(task)
                    except TaskNotFound:
                        time.sleep(0.1)
        return self._specs[task]


@dataclass(frozen=True)
class Peer:
    """A library in the peers' environment. `module` is its module in bench/peers, `options` its command line.

    `{processes}` stands for the number of worker processes. Without it, the command is started that often.
    """

    name: str
    jobs: int
    module: str
    options: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, url: str, processes: int) -> Processes:
        command = [PEERS_PYTHON, "-m", *self.options.format(processes=processes, url=url).split()]
        times = 1 if "{processes}" in self.options else processes
        return Processes([command] * times, {**_environment(url), **self.environment}, self.folder / f"{self.name}.log")

    def submit(self, url: str, number: int) -> None:
        ask_peers(url, self.module, "submit", str(number))

    def latencies(self, url: str, number: int) -> list[float]:
        measured: list[float] = json.loads(ask_peers(url, self.module, "latencies", str(number)))
        return measured


def contenders(folder: Path) -> list[Contender]:
    """Return all contenders, Taskdesk first. They keep logs and data in the folder."""
    rq = "rq.cli worker --url {url} --quiet --worker-class"
    dramatiq = "dramatiq bench.peers.dramatiq --processes {processes} --threads 1"
    huey = "huey.bin.huey_consumer bench.peers.huey.huey -w {processes} -k process --quiet"
    taskiq = "taskiq worker bench.peers.taskiq:broker --workers {processes} --log-level WARNING"
    celery = "celery --app bench.peers.celery worker --concurrency {processes} --pool prefork --loglevel WARNING"
    return [
        Taskdesk(folder),
        Peer("rq.Worker", 200, "rq", f"{rq} rq.Worker bench", folder),
        Peer("rq.SimpleWorker", 800, "rq", f"{rq} rq.SimpleWorker bench", folder),
        # with its default prefetch of 2 per thread it mostly sleeps: a single thread drains 260 jobs/s
        Peer("dramatiq", 4000, "dramatiq", dramatiq, folder, {"dramatiq_queue_prefetch": "100"}),
        Peer("huey", 4000, "huey", huey, folder),
        Peer("taskiq", 4000, "taskiq", taskiq, folder),
        Peer("celery", 2000, "celery", celery, folder),
    ]


def peers_versions() -> dict[str, str]:
    versions: dict[str, Any] = json.loads(ask_peers("", "versions"))
    return versions


def _environment(url: str) -> Mapping[str, str]:
    return {"REDIS_URL": url, "PYTHONWARNINGS": "ignore"}


def ask_peers(url: str, *arguments: str) -> str:
    command = [PEERS_PYTHON, "-m", "bench.peers", *arguments]
    environment = {**os.environ, **_environment(url)}
    return subprocess.run(command, cwd=BACKEND, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
