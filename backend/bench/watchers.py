"""Measure many watchers of one job on one web process: memory of each, and delay until the last one has an event."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from redis import Redis

from bench.processes import BACKEND, Processes
from bench.redis_server import RedisServer, free_port
from taskdesk.jobs.events import Progress, emit
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.keys import job_key

HOST = "127.0.0.1"
EVENT_SECONDS = 0.5  # between two events
PROBE_SECONDS = 0.005  # between two timed requests
TTL_SECONDS = 600


@dataclass(frozen=True)
class Watching:
    """`memory` is the web process's RSS per watcher, in bytes; the rest is in seconds."""

    watchers: int
    memory: float
    last_median: float  # from just before an event is emitted until the last watcher has it
    last_max: float
    health_p50: float  # of `GET /healthz` meanwhile
    health_p99: float


def watching(server: RedisServer, folder: Path, watchers: int = 5_000, events: int = 20) -> Watching:
    """Connect the watchers to a web process of their own, emit the events, and time `GET /healthz` meanwhile."""
    server.client.flushall()
    job_id, port = new_job_id(), free_port()
    call = json.dumps(("bench.tasks.count", None, [], {}))
    server.client.hset(job_key(job_id), mapping={"status": "started", "data": call, "origin": "default"})
    environment = {
        "REDIS_URL": server.url,
        "DATA_DIR": str(folder / "data"),
        "APP_PORT": str(port),
        "MAX_EVENT_STREAMS": str(watchers),
        "MAX_EVENT_STREAMS_PER_CLIENT": str(watchers),
    }
    with Processes([[sys.executable, "server.py"]], environment, folder / "web.log") as web:
        _wait_until_it_answers(port, web)
        before = web.memory().rss
        with _audience(port, f"/api/v1/jobs/{job_id}/events", watchers, events) as audience:
            _line(audience)  # all are connected
            with Health(port) as health:
                emitted = [_emit(server.client, job_id, number, events) for number in range(1, events + 1)]
                arrived = json.loads(_line(audience))
            memory = (web.memory().rss - before) / watchers
    delays = [last - first for first, last in zip(emitted, arrived, strict=True)]
    cuts = quantiles(health.seconds, n=100, method="inclusive")
    return Watching(watchers, memory, median(delays), max(delays), cuts[49], cuts[98])


class Health:
    """Time `GET /healthz` on one connection while the `with` block lasts."""

    def __init__(self, port: int):
        self.seconds: list[float] = []
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Health:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._connection.close()

    def _ask(self) -> None:
        while not self._stopped.wait(PROBE_SECONDS):
            self.seconds.append(_time_health(self._connection))


def _time_health(connection: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    return time.perf_counter() - begun


def _wait_until_it_answers(port: int, web: Processes) -> None:
    """Wait for 20 answers: the first ones load what every request needs."""
    answers = 0
    while answers < 20:
        with suppress(ConnectionError), closing(http.client.HTTPConnection(HOST, port, timeout=30)) as connection:
            _time_health(connection)
            answers += 1
            continue
        web.check()
        time.sleep(0.05)


@contextmanager
def _audience(port: int, path: str, watchers: int, events: int) -> Iterator[subprocess.Popen[str]]:
    arguments = [HOST, str(port), path, str(watchers), str(events)]
    command = [sys.executable, "-m", "bench.audience", *arguments]
    with subprocess.Popen(command, cwd=BACKEND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as audience:
        yield audience  # it ends when its standard input is closed


def _line(audience: subprocess.Popen[str]) -> str:
    assert audience.stdout
    line = audience.stdout.readline()
    if not line:
        raise RuntimeError("the clients ended: not every watcher was served")
    return line


def _emit(redis: Redis, job_id: str, number: int, events: int) -> float:
    """Emit an event as a worker does, and return when (Unix seconds)."""
    time.sleep(EVENT_SECONDS)
    emitted = time.time()
    with redis.pipeline() as pipeline:
        emit(
            pipeline,
            job_id,
            "progress",
            Progress(number, events, f"step {number} of {events}").as_dict(),
            ttl=TTL_SECONDS,
        )
        pipeline.execute()
    return emitted
