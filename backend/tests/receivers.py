"""Receivers of webhooks for tests, and a deliverer that runs in a thread."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from redis import Redis

from taskdesk.jobs.keys import RECEIVERS, delivery_key, lane_key, receiver_key
from taskdesk.service.outbound import Resolve, ask_dns
from taskdesk.worker.deliverer.attempt import Sender
from taskdesk.worker.deliverer.loop import Deliverer

SECRET = "whsec_8PvJmuH5rmMKUVYZ9fUmg1K6UuG0tZpgOWXkqzVBHBA="
OLD_SECRET = "whsec_K3QC1U9OeDhZQOUIHNBCXkSl1CrRGyeHmjJGQZr2h1E="
HERE = (ip_network("127.0.0.0/8"),)
Treat = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answers(status: int, headers: str = "", body: bytes = b"") -> Treat:
    text = f"HTTP/1.1 {status} Some\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda stream: stream.sendall(text)


class Receiver:
    """A server on 127.0.0.1 that treats each request by `treat`, and keeps all requests."""

    def __init__(self, treat: Treat = answers(200), host: str = "127.0.0.1"):  # noqa: B008  # it is a function
        self.treat = treat
        self.requests: list[Request] = []
        self.connections = 0
        self._server = socket.create_server((host, 0))
        self.port = self._server.getsockname()[1]
        self.url = f"http://{host}:{self.port}/hook"
        self._closing = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def drip(self, stream: socket.socket) -> None:
        """Send a byte a second."""
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X" * 1000:
            if self._closing.wait(1):
                return
            stream.sendall(bytes([byte]))

    def flood(self, stream: socket.socket) -> None:
        """Send 10 GB."""
        stream.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 10000000000\r\n\r\n")
        while not self._closing.is_set():
            stream.sendall(b"x" * 100_000)

    def _serve(self) -> None:
        while True:
            try:
                stream, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=[stream], daemon=True).start()

    def _answer(self, stream: socket.socket) -> None:
        try:
            with stream:
                self.requests.append(_read(stream))
                self.treat(stream)
        except OSError:
            pass


def _read(stream: socket.socket) -> Request:
    text = b""
    while b"\r\n\r\n" not in text:
        text += _more(stream)
    head, _, body = text.partition(b"\r\n\r\n")
    headers = {name.lower(): value for name, value in re.findall(r"^([\w-]+): (.*?)\r?$", head.decode(), re.MULTILINE)}
    while len(body) < int(headers["content-length"]):
        body += _more(stream)
    return Request(headers, body)


def _more(stream: socket.socket) -> bytes:
    received = stream.recv(65536)
    if not received:
        raise OSError("closed")
    return received


@contextmanager
def delivering(
    url: str,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    networks: Any = HERE,
    resolve: Resolve = ask_dns,
    app_url: str = "",
) -> Iterator[None]:
    """Let a deliverer work on this Redis while the block runs."""
    stop = threading.Event()
    with Redis.from_url(url) as redis:
        deliverer = Deliverer(redis, Sender(secrets, networks, resolve), app_url)
        thread = threading.Thread(target=deliverer.run, args=[stop.is_set])
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def pass_time(redis: Redis, seconds: float) -> None:
    """Let everything that is planned for later be planned for so much earlier."""
    for receiver in (name.decode().partition(":receiver:")[2] for name in redis.scan_iter("*:receiver:*")):
        held_until = redis.hget(receiver_key(receiver), "held_until")
        if held_until:
            redis.hset(receiver_key(receiver), "held_until", float(held_until) - seconds)
        for delivery in redis.zrange(lane_key(receiver), 0, -1):
            redis.zincrby(lane_key(receiver), -seconds, delivery)
            redis.hincrbyfloat(delivery_key(delivery.decode()), "since", -seconds)
        redis.zincrby(RECEIVERS, -seconds, receiver) if redis.zscore(RECEIVERS, receiver) else None
