"""Faults that watchers of a job must not notice: the web is killed (F25), and other watchers read slowly."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis

from taskdesk.jobs.events import MAX_EVENTS, Progress, append_log, emit
from taskdesk.jobs.keys import WAKE, job_key
from taskdesk.web.streams.event_feed import KEPT_MESSAGES
from tests.conftest import Stack, wait_until

JOB = "a-job"
WATCHERS = 20


@pytest.fixture
def running(redis: Redis) -> Redis:
    """A Redis in which JOB is running."""
    call = json.dumps(("tests.sample_tasks.echo", None, [], {}))
    redis.hset(job_key(JOB), mapping={"status": "started", "data": call, "origin": "default"})
    return redis


@pytest.fixture
def web(redis_url: str, tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(redis_url, tmp_path)
    stack.start("server")
    wait_until(stack.answers)
    yield stack
    stack.stop()


class Client(threading.Thread):
    """Watches JOB as a browser does: when the stream breaks, it connects again with the id of the last event."""

    def __init__(self, port: int):
        super().__init__()
        self.port = port
        self.heard: list[tuple[str, str]] = []
        self.connections = 0
        self._last_id = ""

    def run(self) -> None:
        while not (self.heard and self.heard[-1][0] == "end"):
            with suppress(OSError):
                self._watch()
            time.sleep(0.02)

    def _watch(self) -> None:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        with connection, connection.makefile("rb") as answer:
            connection.sendall(request(self._last_id))
            self.connections += answer.readline().startswith(b"HTTP/1.1 200")
            event: dict[str, str] = {}
            for line in answer:
                if not line.endswith(b"\n"):
                    return
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name in ("id", "event", "data"):
                    event[name] = value
                elif event:
                    self._last_id = event["id"]
                    self.heard.append((event["event"], event["data"]))
                    event = {}

    @property
    def lines(self) -> list[str]:
        return "".join(json.loads(data)["text"] for type, data in self.heard if type == "log").splitlines()


def request(last_id: str = "") -> bytes:
    head = f"GET /api/v1/jobs/{JOB}/events HTTP/1.1\r\nHost: localhost\r\n"
    return (head + (f"Last-Event-ID: {last_id}\r\n" if last_id else "") + "\r\n").encode()


class Writer(threading.Thread):
    """Writes line after line to the log of JOB, until it is stopped."""

    def __init__(self, redis: Redis):
        super().__init__()
        self.lines: list[str] = []
        self.stopped = threading.Event()
        self._redis = redis

    def run(self) -> None:
        size = 0
        while not self.stopped.wait(0.1):
            self.lines.append(f"line {len(self.lines)}")
            size = append_log(self._redis, JOB, self.lines[-1].encode() + b"\n", offset=size, ttl=60)


@pytest.mark.slow
def test_f25_a_watcher_misses_nothing_when_the_web_is_killed(running, web):
    """F25: kill -9 of the web, twice, while a job is watched. The log that arrives has no gap and no line twice."""
    clients = [Client(web.port) for _ in range(WATCHERS)]
    writer = Writer(running)
    for thread in (writer, *clients):
        thread.start()

    for times in (1, 2):
        wait_until(lambda times=times: all(client.connections == times for client in clients))
        known = len(writer.lines)
        wait_until(lambda known=known: all(len(client.lines) > known for client in clients))
        web.processes["server"].send_signal(signal.SIGKILL)
        web.processes["server"].wait()
        web.start("server")
    wait_until(lambda: all(client.connections == 3 for client in clients))
    writer.stopped.set()
    writer.join()
    end(running)
    for client in clients:
        client.join(60)

    assert len(writer.lines) < MAX_EVENTS  # the stream has not dropped any
    assert all(client.lines == writer.lines for client in clients)


def end(redis: Redis) -> None:
    redis.hset(job_key(JOB), "status", "finished")
    redis.publish(WAKE, JOB)


def report(redis: Redis, first: int, last: int, message: str = "") -> None:
    for number in range(first, last + 1):
        with redis.pipeline() as pipeline:
            emit(pipeline, JOB, "progress", Progress(number, 1_000_000, message).as_dict())
            pipeline.execute()


def stalled(port: int) -> socket.socket:
    """A client that asks for the events, and reads only the beginning."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request())
    assert connection.recv(100)
    return connection


def numbers(text: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb'"current": (\d+)', text)]


LARGE = "x" * 100_000  # no task may send so much; so a few events fill what the system keeps for a connection


def test_a_watcher_that_stalls_holds_up_nobody_and_gets_the_rest_when_it_reads_again(running, web):
    client = Client(web.port)
    client.start()
    with stalled(web.port) as slow:
        wait_until(lambda: client.connections)
        report(running, 1, 100, LARGE)
        wait_until(lambda: len(client.heard) >= 101)

        text = b""
        while b'"current": 100' not in text:
            text += slow.recv(1 << 20)

    end(running)
    client.join(60)
    assert numbers(text) == list(range(1, 101))


@pytest.mark.slow
def test_a_watcher_that_stalls_for_too_long_is_dropped(running, web):
    client = Client(web.port)
    client.start()
    with stalled(web.port) as slow:
        wait_until(lambda: client.connections)
        report(running, 1, 100, LARGE)
        for first in range(101, 4 * KEPT_MESSAGES, 300):
            report(running, first, first + 299)
            wait_until(lambda last=first + 299: f'"current": {last},' in client.heard[-1][1])

        text = b""
        while received := slow.recv(1 << 20):
            text += received

    end(running)
    client.join(60)
    heard = numbers(text)
    assert heard == list(range(1, len(heard) + 1))
    assert len(heard) < 4 * KEPT_MESSAGES
