"""The proxy between a worker and Redis ends whatever it is doing, and cuts connections that are still being opened."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.conftest import wait_until
from tests.faults.proxy import Proxy


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server whose backlog is full: a connection to it never opens."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(("127.0.0.1", port))
        yield port
        for client in waiting:
            client.close()


@pytest.fixture
def opening(deaf: int) -> Iterator[tuple[Proxy, socket.socket]]:
    """A proxy, and a client whose connection it is opening."""
    proxy = Proxy(deaf)
    proxy.start()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        wait_until(lambda: proxy.connections, what="the proxy opens the connection")
        yield proxy, client


def test_it_stops_while_it_opens_a_connection(opening):
    proxy, client = opening

    proxy.stop()  # fails if the thread lives on, which would keep the process of the tests alive for ever

    with suppress(ConnectionResetError):
        assert client.recv(1) == b""


def test_it_cuts_a_connection_that_is_being_opened(opening):
    proxy, client = opening

    proxy.refuse("LOADING")

    with suppress(ConnectionResetError):
        assert client.recv(1) == b""
    proxy.stop()
