"""Serve a WSGI application with gevent: several processes on one socket; one that dies is replaced."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable

import gevent
from flask import Flask

from taskdesk.service.pool import Pool
from taskdesk.web.server.wsgi import Server

STOP_SECONDS = 8  # until requests under way are cut off at a stop; `make run` waits 9 s, compose 15 s
BACKLOG_CONNECTIONS = 1024
MAX_UNSENT_BYTES = 131_072  # that the kernel buffers for a client that does not read; by default, megabytes
MAX_OPEN_FILES = 20_000  # per process: connections, and event streams, which do not count as connections

log = logging.getLogger("web")


def serve(host: str, port: int, processes: int, make_app: Callable[[], Flask]) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status: 2, with a sentence, if the port is taken."""
    try:
        listener = listen(host, port)
    except OSError as error:
        print(
            f"Can't listen on {host}:{port}: {error.strerror}. Set APP_PORT (or APP_HOST) to another.", file=sys.stderr
        )
        return 2
    allow_files()
    if processes == 1:
        _serve_here(listener, make_app)
        return 0
    # At a stop the parent closes its copy of the socket, so the socket closes with the last process that serves, and no
    # client can connect to a server that will not answer.
    return Pool("web process", processes, lambda _: _serve_here(listener, make_app), before_stop=listener.close).run()


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


def _serve_here(listener: socket.socket, make_app: Callable[[], Flask]) -> None:
    gevent.reinit()  # this may be a forked process
    app = make_app()
    server = Server(listener, app, shut_down=app.extensions["desk"].shut_down)
    gc.collect()
    gc.freeze()  # the application is never garbage: collections skip it
    gc.set_threshold(20_000)  # and come less often; both save 6 % of a submit
    server.start()  # before a signal can stop it
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(server.stop, STOP_SECONDS))
    log.info("serving on http://%s:%s", *listener.getsockname()[:2])
    server.serve_forever(stop_timeout=STOP_SECONDS)
