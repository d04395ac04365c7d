"""Run servers with gevent: several processes on one socket; one that dies is replaced."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

import gevent

from taskdesk.service.hosts import in_url
from taskdesk.service.http.wsgi import Server
from taskdesk.service.pool import Pool

STOP_SECONDS = 8  # until requests under way are cut off at a stop; `make run` waits 9 s, compose 15 s
BACKLOG_CONNECTIONS = 1024
MAX_UNSENT_BYTES = 131_072  # that the kernel buffers for a client that does not read; by default, megabytes
MAX_OPEN_FILES = 20_000  # per process: connections, and event streams, which do not count as connections

log = logging.getLogger("http")


class Address(NamedTuple):
    """Where a program listens; `settings` is what the names of the two settings begin with."""

    host: str
    port: int
    settings: str

    @property
    def url(self) -> str:
        return f"http://{in_url(self.host)}:{self.port}"


def serve(address: Address, processes: int, make_server: Callable[[socket.socket], Server]) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status: 2, with a sentence, if the port is taken.

    `make_server` is called in each process.
    """
    try:
        listener = listen(address.host, address.port)
    except OSError as error:
        other = f"Set {address.settings}_PORT (or {address.settings}_HOST) to another."
        print(f"Can't listen on {address.url}: {error.strerror or error}. {other}", file=sys.stderr)
        return 2
    allow_files()
    if processes == 1:
        _serve_here(listener, address, make_server)
        return 0
    # At a stop the parent closes its copy of the socket, so the socket closes with the last process that serves, and no
    # client can connect to a server that will not answer.
    return Pool(
        "web process",
        processes,
        lambda _: _serve_here(listener, address, make_server),
        before_stop=listener.close,
    ).run()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it. Without it, Nagle's algorithm delays every keep-alive answer by 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)
    listener.bind((host, port))
    listener.listen(BACKLOG_CONNECTIONS)
    listener.setblocking(False)
    return listener


def allow_files() -> None:
    """Raise the soft limit of open files to MAX_OPEN_FILES, or to the hard limit if that is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < MAX_OPEN_FILES:
        log.warning(
            "the system allows %s open files, which limits the connections: raise the hard limit (ulimit -Hn)",
            f"{wanted:,}",
        )


def _serve_here(listener: socket.socket, address: Address, make_server: Callable[[socket.socket], Server]) -> None:
    gevent.reinit()  # this may be a forked process
    server = make_server(listener)
    gc.collect()
    gc.freeze()  # the application is never garbage: collections skip it
    gc.set_threshold(20_000)  # and come less often; both save 6 % of a submit
    server.start()  # before a signal can stop it
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(server.stop, STOP_SECONDS))
    log.info("serving on %s", address.url)
    server.serve_forever(stop_timeout=STOP_SECONDS)
