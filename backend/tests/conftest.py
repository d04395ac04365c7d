"""Fixtures of all tests: a real Redis of their own, the application, and real web and worker processes."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from xdist.scheduler import LoadScopeScheduling

from taskdesk.jobs.catalog import announce
from taskdesk.launcher.aof import mend_aof
from taskdesk.launcher.redis_server import find_redis
from taskdesk.service.redis import Memory
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings
from taskdesk.worker.discovery import TaskRegistry, discover
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.template import Template
from taskdesk.worker.supervisor.worker import TaskWorker
from tests import kept
from tests.conformity import ConformityClient
from tests.object_server import ObjectServer
from tests.waiting import wait_until as wait_until

BACKEND = Path(__file__).resolve().parents[1]

kept.install()


WITH_STACK = ("test_story.py", "test_tutorials.py", "test_program.py", "test_addresses.py")


class Shares(LoadScopeScheduling):
    """Each process of pytest-xdist takes whole files. One takes all files that need the stack but no browser, and three
    share those that need a browser, because a stack and a browser take long to start.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        if path.parent.name == "browser":
            return f"browser {1 + (path.name > 'test_j') + (path.name > 'test_k')}"
        return "stack" if path.name in WITH_STACK else str(path)


MAX_CASES, EVERY = 8, 4


@pytest.hookimpl(tryfirst=True)  # before -m leaves tests out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test with more than MAX_CASES cases, the quick tests have one of EVERY: the others are slow."""
    tests = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        tests[item.nodeid.partition("[")[0]].append(item)
    for cases in tests.values():
        if len(cases) > MAX_CASES:
            for number, case in enumerate(cases):
                if number % EVERY:
                    case.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Each worker's template collects garbage before it is copied: skip what pytest holds, a tenth of a second."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


def free_port() -> int:
    """Return a port below 55,536: a Redis in cluster mode also takes the one that is 10,000 higher."""
    port = 65_535
    while port > 55_535:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    return port


class RedisServer:
    """A server that a test may stop and start again; its data stay. `program`: another than `make run` takes."""

    def __init__(self, folder: Path, program: str = ""):
        self._program = program
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.options: list[str] = []
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.launch()
        wait_until(self.answers, what="Redis answers")

    def launch(self) -> None:
        """Start it, and return before it answers."""
        installed = self._program or find_redis(self._folder)
        mend_aof(installed, self._folder)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--appendonly", "yes"]
        self.process = subprocess.Popen([installed, *options, *self.options], stdout=subprocess.DEVNULL)

    def answers(self) -> bool:
        with suppress(RedisError), Redis.from_url(self.url, socket_timeout=5) as redis:
            return bool(redis.ping())
        return False

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def flush(redis_server: RedisServer) -> Iterator[Callable[[], Any]]:
    with Redis.from_url(redis_server.url) as redis:
        yield redis.flushall


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    server = ObjectServer(free_port(), tmp_path_factory.mktemp("objects") / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(object_server: ObjectServer) -> ObjectServer:
    """A server with one empty bucket."""
    object_server.forget_all()
    object_server.make_bucket()
    return object_server


@pytest.fixture
def redis_url(redis_server: RedisServer, flush: Callable[[], Any]) -> str:
    """A real Redis, empty."""
    flush()
    return redis_server.url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def leave(redis: Redis) -> Iterator[Callable[[float], None]]:
    """Set the memory limit of Redis so that its data take this share of it. The data are larger than its buffers."""
    redis.setrange("ballast", 20_000_000, b"x")

    def leave(share: float) -> None:
        redis.config_set("maxmemory", int(Memory.of(redis.info("memory")).used / share))

    yield leave
    redis.config_set("maxmemory", 0)


@cache
def web_defaults() -> WebSettings:
    """Cached, because to read settings takes longer than most requests."""
    return WebSettings(_env_file=None)


@cache
def worker_defaults() -> WorkerSettings:
    return WorkerSettings(tasks="tests.sample_tasks", _env_file=None)


@pytest.fixture
def web_settings(redis_url: str, tmp_path: Path) -> WebSettings:
    return web_defaults().model_copy(update={"redis_url": SecretStr(redis_url), "data_dir": tmp_path})


@pytest.fixture
def worker_settings(redis_url: str, tmp_path: Path) -> WorkerSettings:
    return worker_defaults().model_copy(update={"redis_url": SecretStr(redis_url), "data_dir": tmp_path})


@cache
def discovered(packages: str | tuple[str, ...]) -> TaskRegistry:
    """Cached, because describing the tasks of a package takes a tenth of a second."""
    return discover(WorkerSettings(tasks=packages, _env_file=None))


@pytest.fixture
def registry(worker_settings: WorkerSettings, redis: Redis) -> TaskRegistry:
    """The sample tasks, announced."""
    registry = discovered(worker_settings.tasks)
    announce(redis, registry.catalog)
    return registry


def preloaded(registry: TaskRegistry) -> Template:
    """Let a worker run the tasks that this process has imported: to describe them again takes a tenth of a second."""
    return Template(("tests",), lambda importing, ended: registry, registry.catalog)


@pytest.fixture
def client(web_settings: WebSettings, registry: TaskRegistry) -> Any:
    """A client of the application. The sample tasks are announced, and no worker is online.

    It fails the test if an answer of the API differs from the API's own description.
    """
    app = create_app(web_settings)
    app.test_client_class = ConformityClient
    return app.test_client()


@pytest.fixture
def run_worker(worker_settings: WorkerSettings, registry: TaskRegistry, redis: Redis) -> Callable[[], None]:
    """Let a real worker run all queued jobs."""

    def run() -> None:
        TaskWorker(worker_settings, preloaded(registry), redis).work(burst=True, logging_level="WARNING")

    return run


class Stack:
    """Real web and worker processes on a real Redis."""

    def __init__(self, redis_url: str, data_dir: Path, **settings: str):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": redis_url,
            "DATA_DIR": str(data_dir),
            "APP_PORT": str(self.port),
            **settings,
        }
        self._data_dir = data_dir
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, program: str) -> subprocess.Popen[bytes]:
        with (self._data_dir / f"{program}.log").open("ab") as log:
            command = self.command(program)
            process = subprocess.Popen(command, cwd=BACKEND, env=self.environment, stdout=log, stderr=log)
        self.processes[program] = process
        return process

    def command(self, program: str) -> list[str]:
        return [sys.executable, f"{program}.py"]

    def log(self, program: str) -> str:
        return (self._data_dir / f"{program}.log").read_text()

    def answers(self, path: str = "/healthz") -> bool:
        with suppress(OSError), urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return bool(answer.status == 200)
        return False

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(timeout=60)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product as it is shipped: its own tasks, one web process, two workers, a Redis of its own."""
    with running(tmp_path_factory.mktemp("stack"), "train_model", MAX_UPLOAD_BYTES="2000000") as stack:
        yield stack


@contextmanager
def running(folder: Path, task: str, **settings: str) -> Iterator[Stack]:
    """Start web and worker on their own Redis, and wait until this task is announced. Stop them at the end."""
    server = RedisServer(folder)
    stack = Stack(server.url, folder, **settings)
    try:
        server.start()
        stack.start("server")
        stack.start("worker")
        wait_until(lambda: stack.answers(f"/api/v1/tasks/{task}"), seconds=100, what=f"{task} is announced")
        yield stack
    finally:
        stack.stop()
        server.stop()


@pytest.fixture(scope="session")
def start_dashboard() -> Iterator[Callable[..., Stack]]:
    """Start rq-dashboard on a Redis, and stop it at the end. The address of the desk is invented."""
    started: list[Stack] = []

    def start(folder: Path, redis_url: str, **settings: str) -> Stack:
        dashboard = Stack(redis_url, folder, APP_URL="http://127.0.0.1:8123/desk", **settings)
        dashboard.environment["DASHBOARD_PORT"] = str(dashboard.port)
        dashboard.start("dashboard")
        started.append(dashboard)
        wait_until(dashboard.answers, what="rq-dashboard answers")
        return dashboard

    yield start
    for dashboard in started:
        dashboard.stop()


@pytest.fixture(scope="session")
def dashboard_process(start_dashboard, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return start_dashboard(tmp_path_factory.mktemp("dashboard"), redis_server.url)


@pytest.fixture
def dashboard(dashboard_process: Stack, redis_url: str) -> Stack:
    """rq-dashboard, on an empty Redis."""
    return dashboard_process


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("to mount a small file system takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
