"""What `make run` starts: Redis, web, worker and dashboard in one terminal; Ctrl-C stops all, Redis last.

In dev, web and worker start again when their code changes. Why not honcho: it stops everything at once, while
workers still tell Redis what they did, and sees no death while a child of the dead one holds its output open.
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
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlsplit

from watchfiles import watch

from taskdesk.launcher.process import BACKEND, ManagedProcess, stop_processes
from taskdesk.launcher.redis_server import answers_ping, start_redis
from taskdesk.launcher.terminal import refuse, say
from taskdesk.service.checks import exit_if_redis_denies_access
from taskdesk.service.embedded import remove_redis_url, write_redis_url
from taskdesk.service.settings import AppHost, AppPort, DashboardPort, DashboardUrl, load_settings_or_exit
from taskdesk.service.startup import answer_help
from taskdesk.worker.settings import WorkerSettings

WATCHED_SUFFIXES = (".py", ".html", ".css", ".js")


class RunSettings(WorkerSettings):
    app_host: AppHost = "127.0.0.1"
    app_port: AppPort = 5000
    dashboard_port: DashboardPort = 9181
    dashboard_url: DashboardUrl = ""


class Stack:
    """All services, from the start of Redis to its end."""

    def __init__(self, settings: RunSettings):
        self._settings = settings
        self._redis: ManagedProcess | None = None
        self._services: list[ManagedProcess] = []
        self._signals: list[int] = []  # that ask us to stop
        self._edits: SimpleQueue[Path] = SimpleQueue()
        self._unwatch = threading.Event()
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, lambda received, _: self._signals.append(received))

    def run(self) -> int:
        """Return the exit status: 0 when it was asked to stop."""
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
        settings = self._settings
        if "redis_url" in settings.model_fields_set:
            self.redis_url = settings.redis_url.get_secret_value()
            exit_if_redis_denies_access(self.redis_url)
            if not _is_reachable(self.redis_url):
                say("REDIS_URL is set, but nothing answers there. Everything starts, and works once it does.")
        else:
            self._redis, self.redis_url = start_redis(settings.data_dir / "redis")
            write_redis_url(settings.data_dir, self.redis_url)
            port = urlsplit(self.redis_url).port or 0
            while not answers_ping(port):
                if self._redis.ended:
                    return self._redis
                if self._signals:
                    return None
                time.sleep(0.02)
        env = {
            "REDIS_URL": self.redis_url,
            "DASHBOARD_URL": settings.dashboard_url or f"http://127.0.0.1:{settings.dashboard_port}/",
        }
        package, tasks = BACKEND / "taskdesk", list(_folders(settings.tasks))
        shared = [package / "jobs", package / "service"]
        web = [package / "web", BACKEND / "server.py", *shared]
        worker = [package / "worker", BACKEND / "worker.py", *shared, *tasks]
        for name, script, colour, sources in (
            ("web", "server.py", 32, web),
            ("worker", "worker.py", 36, worker),
            ("dashboard", "dashboard.py", 35, []),
        ):
            command = [sys.executable, script]
            self._services.append(ManagedProcess(name, command, env, colour=colour, sources=sources))
        if settings.env == "dev":
            threading.Thread(target=self._watch, args=[{BACKEND, *tasks}], daemon=True).start()
        return None

    def _supervise(self) -> ManagedProcess | None:
        """Until it is asked to stop; or until a service dies, which is returned."""
        told = False
        while not self._signals:
            edits = {self._edits.get() for _ in range(self._edits.qsize())}
            if self._redis and self._redis.ended:
                return self._redis
            for service in self._services:
                if not service.attend(edits):
                    return service
            if not told and _is_healthy(_address(self._settings.app_host), self._settings.app_port):
                told = True
                self._tell_addresses()
            time.sleep(0.1)
        return None

    def _stop(self) -> None:
        self._unwatch.set()
        if self._services:
            say("Stopping; running jobs get a moment to end. (Ctrl-C again: at once.)")
        stop_processes(self._services, self._settings.stop_grace + 1, self._signals)
        if self._redis:
            stop_processes([self._redis], 5, [])
            remove_redis_url(self._settings.data_dir)

    def _watch(self, folders: Collection[Path]) -> None:
        for changes in watch(*folders, stop_event=self._unwatch, raise_interrupt=False):
            for _, name in changes:
                if name.endswith(WATCHED_SUFFIXES):
                    self._edits.put(Path(name))

    def _tell_addresses(self) -> None:
        desk = f"http://{_address(self._settings.app_host)}:{self._settings.app_port}/"
        lines = [
            ("Desk", desk),
            ("API", f"{desk}api/v1/tasks"),
            ("Dashboard", f"http://127.0.0.1:{self._settings.dashboard_port}/"),
        ]
        if self._redis:
            lines.append(("Redis", self.redis_url))
        say("")
        for what, address in lines:
            say(f"  {what:<10} {address}")
        say("")


def refuse_taken_ports(settings: RunSettings) -> None:
    with ExitStack() as held:
        for name, port in (("APP_PORT", settings.app_port), ("DASHBOARD_PORT", settings.dashboard_port)):
            try:
                held.enter_context(socket.create_server(("", port)))
            except PermissionError:
                refuse(f"Port {port} needs more rights than you have. Choose another: make run {name}={port + 8000}")
            except OSError:
                refuse(f"Port {port} is taken. Choose another: make run {name}={port + 1 if port < 65535 else 5000}")


def _folders(package: str) -> Iterator[Path]:
    with suppress(ImportError, ValueError):  # the worker will say it
        spec = find_spec(package)
        yield from map(Path, (spec and spec.submodule_search_locations) or ())


def _address(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _is_reachable(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname:
        return Path(parts.path).exists()  # unix://
    with suppress(OSError), socket.create_connection((parts.hostname, parts.port or 6379), timeout=1):
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
    answer_help(RunSettings)
    settings = load_settings_or_exit(RunSettings)
    refuse_taken_ports(settings)
    return Stack(settings).run()


if __name__ == "__main__":
    sys.exit(main())
