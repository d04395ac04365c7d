"""Serve a WSGI application with gevent: N processes on one socket, which are replaced if they die."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

import gevent
from flask import Flask
from gevent.pywsgi import WSGIServer

STOP_SECONDS = 5  # how long requests that are under way have at a stop
BACKLOG = 1024

log = logging.getLogger("web")


def serve(host: str, port: int, processes: int, make_app: Callable[[], Flask]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. A port that is taken is said in a sentence: status 2."""
    try:
        listener = _listen(host, port)
    except OSError as error:
        print(f"Can't listen on {host}:{port}: {error.strerror}. Set APP_PORT (or APP_HOST) to another.", file=sys.stderr)
        return 2
    if processes == 1:
        _serve_here(listener, make_app())
    else:
        _supervise(processes, lambda: _serve_here(listener, make_app()))
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it. Without it Nagle holds every keep-alive answer back for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _serve_here(listener: socket.socket, app: Flask) -> None:
    server = WSGIServer(listener, app, log=None, error_log=logging.getLogger("gevent"))
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(server.stop, STOP_SECONDS))
    log.info("serving on http://%s:%s", *listener.getsockname()[:2])
    server.serve_forever(stop_timeout=STOP_SECONDS)


def _supervise(processes: int, work: Callable[[], None]) -> None:
    """Fork the processes; replace one that dies; pass a signal to stop on to all."""
    children: set[int] = set()
    stopping = gevent.event.Event()

    def stop() -> None:
        stopping.set()
        for pid in children:
            os.kill(pid, signal.SIGTERM)

    def keep_one() -> None:
        while not stopping.is_set():
            pid = gevent.os.fork_and_watch()
            if pid == 0:
                work()
                os._exit(0)
            children.add(pid)
            _, status = gevent.os.waitpid(pid, 0)
            children.discard(pid)
            if not stopping.is_set():
                log.error("web process %s ended (status %s); starting another", pid, os.waitstatus_to_exitcode(status))
                stopping.wait(1)

    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop)
    gevent.joinall([gevent.spawn(keep_one) for _ in range(processes)])
