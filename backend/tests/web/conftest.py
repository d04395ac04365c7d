"""The web's own server in this process, and clients of it that speak raw bytes. All are greenlets of one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent import socket

from taskdesk.service.errors import AppError
from taskdesk.service.http import wsgi
from taskdesk.service.http.serve import listen
from taskdesk.service.http.wsgi import Server


class Client:
    """A connection to a server that speaks no HTTP of its own."""

    def __init__(self, port: int, room: int = 0):
        self.socket = socket.socket()
        self.socket.settimeout(20)
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.connect(("127.0.0.1", port))
        self._rest = b""

    def send(self, text: str | bytes) -> Client:
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        return self

    def read(self) -> bytes:
        """All until the server closes. A reset fails the test."""
        return b"".join(iter(lambda: self.socket.recv(1 << 20), b""))

    def answer(self) -> bytes:
        """The next answer, which says its length."""
        text = self._rest
        while b"\r\n\r\n" not in text:
            text += self._some()
        head, _, body = text.partition(b"\r\n\r\n")
        [length] = [int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")]
        while len(body) < length:
            body += self._some()
        self._rest = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def _some(self) -> bytes:
        received: bytes = self.socket.recv(1 << 20)
        assert received, "the connection ended"
        return received


@pytest.fixture
def submit(client: Any) -> Callable[..., str]:
    """Submit a job by the API: its id."""

    def submit(task: str = "echo", arguments: dict[str, Any] | None = None, **query: str) -> str:
        values = {"text": "a"} if arguments is None else arguments
        job_id: str = client.post(f"/api/v1/tasks/{task}/jobs", json=values, query_string=query).json["id"]
        return job_id

    return submit


@pytest.fixture
def seen() -> list[dict[str, Any]]:
    """The environs that `echo` was called with."""
    return []


@pytest.fixture
def echo(seen: list[dict[str, Any]]) -> Any:
    """An application that answers with the body, or does not read it: /unread."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        try:
            status, body = "200 OK", b"" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
        except AppError as error:
            status, body = f"{error.status} {error.title}", str(error).encode()
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]

    return application


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Start a server of an application. It looks at its deadlines often."""
    monkeypatch.setattr(wsgi, "SWEEP_SECONDS", 0.02)
    servers = []

    def serve(application: Any, **options: Any) -> Server:
        server = Server(listen("127.0.0.1", 0), application, **options)
        server.start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.stop(5)


@pytest.fixture
def connect(serve: Callable[..., Server], echo: Any) -> Iterator[Callable[..., Client]]:
    """A client of a server or a port, if none is named of a server of `echo`; with room for so many bytes."""
    clients = []

    def connect(server: Server | int = 0, room: int = 0) -> Client:
        clients.append(Client(server if isinstance(server, int) and server else (server or default).server_port, room))
        return clients[-1]

    default = serve(echo)

    yield connect
    for client in clients:
        client.socket.close()


def wait_for(condition: Callable[[], Any], what: str = "") -> None:
    """As wait_until, and the server goes on meanwhile."""
    with gevent.Timeout(20, AssertionError(f"not within 20 s: {what or condition}")):
        while not condition():
            gevent.sleep(0.01)
