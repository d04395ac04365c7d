"""Receivers of alerts: a web server and a mail server, on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from redis import Redis

from taskdesk.jobs.alerts.file import AlertsFile, parse_alerts_file
from taskdesk.worker.discovery import TaskRegistry
from tests.conftest import free_port


class Receiver:
    """A web server. `answers` are the statuses of the next answers; after them, each is 200."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.has_come = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver.has_come:
                    status = receiver.answers.pop(0) if receiver.answers else 200
                    receiver.requests.append(body)
                    receiver.headers.append(dict(self.headers))
                    receiver.has_come.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "9")
                self.end_headers()
                self.wfile.write(b"no thanks")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret-path"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def titles(self) -> list[str]:
        """The type and the title of each request to a webhook."""
        return [f"{one['type']}: {one['data']['title']}" for one in self.requests]

    def wait_for(self, count: int, seconds: float = 30) -> None:
        with self.has_come:
            assert self.has_come.wait_for(lambda: len(self.requests) >= count, seconds), self.requests

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class MailBox:
    """What a mail server has taken. `refusal`: what it answers to DATA instead of taking it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refusal = ""
        self.refused: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if not self.refusal:
            self.mails.append(envelope)
        return self.refusal or "250 taken"


@pytest.fixture
def mail_server() -> Iterator[Callable[..., tuple[MailBox, int]]]:
    """Start a mail server; return its mailbox and its port. The options are those of aiosmtpd."""
    started = []

    def start(**options: Any) -> tuple[MailBox, int]:
        box = MailBox()
        controller = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        started.append(controller)
        return box, controller.port

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def alerts_file(receiver: Receiver) -> Callable[[str], AlertsFile]:
    """Read rules, with the channel `ops`, which is the receiver."""

    def read(rules: str = "") -> AlertsFile:
        channel = f'address = "http://desk.example"\n[channels.ops]\nkind = "webhook"\nurl = "{receiver.url}"\n'
        found = parse_alerts_file(channel + rules)
        assert found.faults == ()
        return found

    return read


@pytest.fixture
def online(redis: Redis, registry: TaskRegistry) -> Callable[..., None]:
    """Let a worker be online that serves these queues."""

    def online(*queues: str) -> None:
        redis.sadd("rq:workers", "rq:worker:one")
        record = {"queues": ",".join(queues), "state": "idle", "catalog": registry.catalog.digest}
        redis.hset("rq:worker:one", mapping=record)

    return online
