"""The web servers that take submits: Taskdesk's own, and those of two tutorials with their libraries."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from bench.contenders import PEERS_PYTHON, ask_peers
from bench.http_load import request
from bench.processes import Processes
from bench.redis_server import free_port
from taskdesk.jobs.catalog import announce
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings

TASK = "simple_task"
INPUT = {"task_arg": "a text"}
HISTORY = 100  # finished jobs that tutorial 003's server lists with each answer
START_SECONDS = 30.0
NO_LIMITS = {"MAX_QUEUED": "1000000000", "RATE_LIMIT": ""}  # a load never gets a 429, however fast the machine


@dataclass(frozen=True)
class Site:
    """`command` serves on `port`; `submit` is the request that makes a job. `prepare` fills its Redis, of this URL."""

    name: str
    command: list[str]
    environment: dict[str, str]
    submit: bytes
    prepare: Callable[[str], None]
    folder: Path
    port: int = field(default_factory=free_port)

    def start(self, url: str) -> Processes:
        """Start its processes, and return them when they answer."""
        command = [part.format(port=self.port) for part in self.command]
        environment = {"REDIS_URL": url, "APP_PORT": str(self.port), "PYTHONWARNINGS": "ignore", **self.environment}
        processes = Processes([command], environment, self.folder / f"{self.name}.log")
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            processes.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} does not answer within {START_SECONDS} s")
            time.sleep(0.05)
        return processes


def taskdesk(folder: Path, processes: int = 1) -> Site:
    """Return `server.py`. Its tasks are announced, and no worker runs."""
    name = f"Taskdesk, {processes} process{'es' * (processes > 1)}"
    environment = {"DATA_DIR": str(folder / "data"), "WEB_PROCESSES": str(processes), **NO_LIMITS}
    submit = _post(f"/api/v1/tasks/{TASK}/jobs", INPUT)
    return Site(name, [sys.executable, "server.py"], environment, submit, announce_tasks, folder)


def sites(folder: Path) -> list[Site]:
    """Return all sites: first Taskdesk with one process, then with two."""
    flask_rq = [PEERS_PYTHON, "-m", "bench.peers.flask_rq", "{port}"]
    falcon = [PEERS_PYTHON, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--log-level", "warning"]
    form = request("POST", "/", b"task_param=a+text", {"Content-Type": "application/x-www-form-urlencoded"})
    return [
        taskdesk(folder),
        taskdesk(folder, 2),
        Site("Flask, RQ, gevent (tutorial 003)", flask_rq, {}, form, _finish, folder),
        Site(
            "Falcon, Celery, gunicorn (tutorial 004)",
            [*falcon, "bench.peers.falcon_celery:application"],
            {},
            _post("/create", INPUT),
            lambda url: None,
            folder,
        ),
    ]


def announce_tasks(url: str) -> None:
    """Announce the tasks of the benchmark in an empty Redis."""
    with Redis.from_url(url) as redis:
        redis.flushdb()
        announce(redis, discover(WorkerSettings(tasks="bench.tasks")).catalog)


def batch(jobs: int) -> bytes:
    """Return the request that submits this number of jobs to Taskdesk."""
    return _post(f"/api/v1/tasks/{TASK}/jobs:batch", {"inputs": [{"task_arg": f"text {n}"} for n in range(jobs)]})


def _finish(url: str) -> None:
    ask_peers(url, "flask_rq", "finish", str(HISTORY))


def _post(path: str, content: object) -> bytes:
    return request("POST", path, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
