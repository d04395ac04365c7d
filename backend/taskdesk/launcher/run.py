"""`make run` and `taskdesk run`: Redis, web, worker and dashboard in one terminal. Ctrl-C stops all, Redis last.

In dev, web and worker are restarted when their code changes; the next worker starts at once, while the one before ends
its jobs. honcho would not do: it stops all processes at once, while workers still write to Redis, and it misses the
death of a process while a child of it holds the output open.
"""

from __future__ import annotations

import http.client
import signal
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlsplit

from pydantic import SecretStr
from redis.connection import parse_url
from watchfiles import watch

from taskdesk.launcher.process import ManagedProcess, stop_processes
from taskdesk.launcher.redis_server import answers_ping, exit_if_data_are_newer, start_redis
from taskdesk.launcher.terminal import refuse, say
from taskdesk.service.checks import exit_if_redis_denies_access
from taskdesk.service.embedded import remove_redis_url, write_redis_url
from taskdesk.service.hosts import in_url
from taskdesk.service.programs import PROGRAMS, command_of
from taskdesk.service.sentinel import SentinelAddress, is_with_sentinels
from taskdesk.service.settings import (
    IS_CLONE,
    AppHost,
    AppPort,
    AppUrl,
    Auth,
    DashboardPassword,
    DashboardPort,
    DashboardUrl,
    load_settings_or_exit,
)
from taskdesk.service.startup import answer_arguments
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.task_package import find_package, folders_of, on_import_path

REDIS_STOP_SECONDS = 5
WATCHED_SUFFIXES = (".py", ".lua", ".html", ".css", ".js", ".svg", ".yaml")
# What each program is restarted for: in a clone, the script and what it imports. The worker also imports the tasks.
_SHARED = ("taskdesk/__init__.py", "taskdesk/version.py", "taskdesk/jobs", "taskdesk/service")
SOURCES: dict[str, tuple[str, ...]] = {
    "web": ("server.py", "taskdesk/web", *_SHARED),
    "worker": ("worker.py", "taskdesk/worker", *_SHARED),
    "dashboard": (),
}


class RunSettings(WorkerSettings):
    app_host: AppHost = "127.0.0.1"
    app_port: AppPort = 5000
    dashboard_port: DashboardPort = 9181
    dashboard_url: DashboardUrl = ""
    auth: Auth
    dashboard_password: DashboardPassword = SecretStr("")
    app_url: AppUrl = ""

    @property
    def has_dashboard(self) -> bool:
        """False if rq-dashboard would have no login beside a desk that has one."""
        return not self.auth or bool(self.dashboard_password.get_secret_value())


class Stack:
    """All processes, from the start of Redis to its end."""

    def __init__(self, settings: RunSettings):
        self._settings = settings
        self._redis: ManagedProcess | None = None
        self._programs: list[ManagedProcess] = []
        self._signals: list[int] = []  # received; each asks us to stop
        self._edits: SimpleQueue[Path] = SimpleQueue()
        self._unwatch = threading.Event()
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, lambda received, _: self._signals.append(received))

    def run(self) -> int:
        """Run until a signal or until a process dies. Return the exit status: 0 after a signal."""
        try:
            died = self._start() or self._supervise()
        finally:
            self._stop()
        if not died:
            say("All stopped.")
            return 0
        say(f"{died.name} {died.how_it_ended()}, so everything was stopped. Its last lines:")
        for line in died.last_lines:
            say(f"    {line}")
        return max(died.process.returncode, 1)

    def _start(self) -> ManagedProcess | None:
        """Start everything, Redis first; return Redis if it died meanwhile."""
        if "redis_url" in self._settings.model_fields_set:
            self._use_redis(self._settings.redis_url.get_secret_value())
        elif died := self._start_redis():
            return died
        if not self._signals:
            self._start_programs()
        return None

    def _use_redis(self, url: str) -> None:
        self._redis_url = url
        exit_if_redis_denies_access(url)
        if not _is_reachable(url):
            say("REDIS_URL is set, but nothing answers there. Everything starts, and works once it does.")

    def _start_redis(self) -> ManagedProcess | None:
        """Start a Redis and wait until it answers; return it if it died meanwhile."""
        self._redis, self._redis_url = start_redis(self._settings.data_dir / "redis")
        write_redis_url(self._settings.data_dir, self._redis_url)
        port = urlsplit(self._redis_url).port or 0
        while not answers_ping(port) and not self._signals:
            if self._redis.ended:
                exit_if_data_are_newer(self._redis, self._settings.data_dir)
                return self._redis
            time.sleep(0.02)
        return None

    def _start_programs(self) -> None:
        settings = self._settings
        own_dashboard = f"http://127.0.0.1:{settings.dashboard_port}/" if settings.has_dashboard else ""
        env = {
            "REDIS_URL": self._redis_url,
            "DASHBOARD_URL": settings.dashboard_url or own_dashboard,
            "APP_URL": settings.app_url or self._desk_url,
        }
        tasks = [place for package in settings.tasks for place in _places(package)]
        programs = [("web", "server", 32), ("worker", "worker", 36), ("dashboard", "dashboard", 35)]
        for name, program, color in programs if settings.has_dashboard else programs[:2]:
            sources = [PROGRAMS / source for source in SOURCES[name]] + (tasks if name == "worker" else [])
            is_worker = name == "worker"
            overlaps = is_worker and not (settings.worker_metrics or settings.gpus)  # a port and a GPU have one user
            process = ManagedProcess(
                name, command_of(program), env, color=color, sources=sources, is_worker=is_worker, overlaps=overlaps
            )
            self._programs.append(process)
        watched = {*tasks, *([PROGRAMS] if IS_CLONE else [])}
        if settings.env == "dev" and watched:
            threading.Thread(target=self._watch, args=[watched], daemon=True).start()

    def _supervise(self) -> ManagedProcess | None:
        """Wait for a signal, or for the death of a process, which is returned."""
        announced = False
        while not self._signals:
            edits = {self._edits.get() for _ in range(self._edits.qsize())}
            if self._redis and self._redis.ended:
                return self._redis
            for program in self._programs:
                if not program.supervise(edits):
                    return program
            if not announced and _is_healthy(_address(self._settings.app_host), self._settings.app_port):
                announced = True
                self._print_addresses()
            time.sleep(0.1)
        return None

    def _stop(self) -> None:
        self._unwatch.set()
        if self._programs:
            say("Stopping. Running jobs get a moment to end; Ctrl-C again stops them at once.")
        stop_processes(self._programs, self._settings.stop_grace + 1, self._signals)
        if self._redis:
            stop_processes([self._redis], REDIS_STOP_SECONDS, [])
            remove_redis_url(self._settings.data_dir)

    def _watch(self, folders: Collection[Path]) -> None:
        for changes in watch(*folders, stop_event=self._unwatch, raise_interrupt=False):
            for _, name in changes:
                if name.endswith(WATCHED_SUFFIXES):
                    self._edits.put(Path(name))

    @property
    def _desk_url(self) -> str:
        return f"http://{in_url(_address(self._settings.app_host))}:{self._settings.app_port}/"

    def _print_addresses(self) -> None:
        dashboard = f"http://127.0.0.1:{self._settings.dashboard_port}/"
        if not self._settings.has_dashboard:
            dashboard = "not started: with AUTH=on it needs DASHBOARD_PASSWORD"
        lines = [("Desk", self._desk_url), ("API", f"{self._desk_url}api/v1/tasks"), ("Dashboard", dashboard)]
        if self._redis:
            lines.append(("Redis", self._redis_url))
        say("")
        for what, address in lines:
            say(f"  {what:<10} {address}")
        say("")


def exit_if_ports_are_taken(settings: RunSettings) -> None:
    with ExitStack() as held:
        for name, port in (("APP_PORT", settings.app_port), ("DASHBOARD_PORT", settings.dashboard_port)):
            remedy = "Write another before the command, or into .env"
            try:
                held.enter_context(socket.create_server(("", port)))
            except PermissionError:
                refuse(f"Port {port} needs more rights than you have. {remedy}: {name}={port + 8000}")
            except OSError:
                refuse(f"Port {port} is taken. {remedy}: {name}={port + 1 if port < 65535 else 5000}")


def _places(package: str) -> Iterator[Path]:
    """Yield the folders of a package, or the file of a module."""
    if spec := find_package(package):
        yield from map(Path, folders_of(spec) or filter(None, [spec.origin]))


def _address(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _is_reachable(url: str) -> bool:
    """Return True if something listens there: Redis, or one of its Sentinels."""
    if is_with_sentinels(url):
        return any(map(_listens, SentinelAddress.of(url).sentinels))
    options = parse_url(url)
    if "path" in options:
        return Path(options["path"]).exists()  # unix://
    return _listens((options.get("host", "localhost"), options.get("port", 6379)))


def _listens(address: tuple[str, int]) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=1):
        return True
    return False


def _is_healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    answer_arguments(RunSettings)
    settings = on_import_path(load_settings_or_exit(RunSettings))
    exit_if_ports_are_taken(settings)
    return Stack(settings).run()


if __name__ == "__main__":
    sys.exit(main())
