"""A load on one HTTP server, from a process of its own: `python -m bench.http_load`, with its settings as JSON.

Every connection sends a request, waits for the whole answer, and sends the next. The client does as little as it can
on one epoll loop, about 20 µs of CPU for a request: it shares the machine with what it measures.
"""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import quantiles

CONNECTIONS = 32
WARM_UP_SECONDS = 0.5  # not measured
MIN_ANSWERS = 64  # a slow server gets more time
ANSWER_SECONDS = 30.0  # an answer may take at most this long
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What the clients measured: answers per second, and seconds from sending a request to the end of its answer."""

    rate: float
    p50: float
    p95: float
    p99: float


def request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Return an HTTP/1.1 request like that of a typical client other than a browser."""
    fields = {"Host": "127.0.0.1", "User-Agent": "bench", "Accept": "*/*", **(headers or {})}
    if body:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def load(port: int, content: bytes, seconds: float, *, connections: int = CONNECTIONS, keep_alive: bool = True) -> Load:
    """Send this request again and again; without `keep_alive`, each on a new connection.

    Raises RuntimeError if an answer is not of the 200s, or takes longer than ANSWER_SECONDS.
    """
    settings = [port, content.decode("latin-1"), seconds, connections, keep_alive]
    command = [sys.executable, "-m", "bench.http_load", json.dumps(settings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"the load on port {port} has failed")
    return Load(**json.loads(done.stdout))


class _Connection:
    """One client. A server that closes its connection after an answer gets a new one."""

    def __init__(self, address: tuple[str, int], content: bytes, keep_alive: bool, poll: select.epoll):
        self._address, self._content, self._keep_alive, self._poll = address, content, keep_alive, poll
        self._socket: socket.socket | None = None

    def send(self) -> int:
        """Send the request. Return the descriptor that can be read when there is an answer."""
        self.began = time.perf_counter()
        self._answer, self._expected = b"", 0
        if self._socket is None:
            self._socket = socket.create_connection(self._address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(self._socket, select.EPOLLIN)
        self._socket.sendall(self._content)
        return self._socket.fileno()

    def receive(self) -> bool:
        """Read what has come. Return True if the answer is complete."""
        assert self._socket
        part = self._socket.recv(262144)
        self._answer += part
        if not part:
            raise RuntimeError(f"the connection was closed after {self._answer[:500]!r}")
        if not self._expected:
            self._expected = _size(self._answer)
        if not self._expected or len(self._answer) < self._expected:
            return False
        if not self._keep_alive or _CLOSES.search(self._answer[: self._expected]):
            self._socket.close()
            self._socket = None
        return True


def _size(answer: bytes) -> int:
    """Return the size of the whole answer in bytes, or 0 while its headers are not complete."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    length = _LENGTH.search(answer, 0, end)
    if not answer.startswith(b"HTTP/1.1 2") or not length:
        raise RuntimeError(f"an unexpected answer: {answer[:500]!r}")
    return end + 4 + int(length[1])


def _run(port: int, content: bytes, seconds: float, connections: int, keep_alive: bool) -> Load:
    poll = select.epoll()
    clients = [_Connection(("127.0.0.1", port), content, keep_alive, poll) for _ in range(connections)]
    waiting = {client.send(): client for client in clients}
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + seconds
    times: list[float] = []
    while (now := time.perf_counter()) < end or len(times) < MIN_ANSWERS:
        ready = poll.poll(ANSWER_SECONDS)
        if not ready:
            raise RuntimeError(f"no answer within {ANSWER_SECONDS} s")
        for number, _ in ready:
            client = waiting[number]
            if client.receive():
                now = time.perf_counter()
                if now > begin:
                    times.append(now - client.began)
                waiting[client.send()] = client
    cuts = quantiles(times, n=100, method="inclusive")
    return Load(len(times) / (now - begin), cuts[49], cuts[94], cuts[98])


if __name__ == "__main__":
    _port, _content, *_rest = json.loads(sys.argv[1])
    print(json.dumps(asdict(_run(_port, _content.encode("latin-1"), *_rest))))
