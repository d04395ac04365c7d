"""gevent's WSGI server, with a limit of its connections and a stop that loses no request."""

from __future__ import annotations

import logging
import resource
import socket
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

from taskdesk.web.server.handler import Handler
from taskdesk.web.server.request_parser import Refusal

MAX_CONNECTIONS = 10_000  # event streams do not count: their connections are given away
MAX_REFUSALS = 1_000  # more that are open to be told so; beyond these, connections wait in the backlog
SPARE_FILES = 200  # that are for others than clients
SWEEP_SECONDS = 0.25  # seconds
STOP_IDLE_SECONDS = 0.2  # seconds in which a request that was under way may still come at a stop


class Server(WSGIServer):
    """Serves `application` on `listener`. At a stop `shut_down` is called, which shall end what waits without end."""

    def __init__(self, listener: socket.socket, application: Any, shut_down: Callable[[], None] = lambda: None):
        # With a pool, and only then, gevent lets requests end when it stops.
        super().__init__(
            listener,
            application,
            spawn=Pool(MAX_CONNECTIONS + MAX_REFUSALS),
            log=None,
            error_log=logging.getLogger("gevent"),
            handler_class=Handler,
        )
        self.is_stopping = False
        self._shut_down = shut_down
        self._served: set[Handler] = set()
        self._refused: set[Handler] = set()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._last_file = sys.maxsize if files == resource.RLIM_INFINITY else files - SPARE_FILES

    def start(self) -> None:
        super().start()
        self._sweeper = gevent.spawn(self._sweep)

    def handle(self, sock: Any, address: Any) -> None:
        handler = Handler(sock, address, self)
        # A file has the lowest number that is free.
        is_full = len(self._served) >= MAX_CONNECTIONS or sock.fileno() > self._last_file
        company = self._refused if is_full else self._served
        company.add(handler)
        try:
            if is_full:
                handler.refuse(Refusal(503, "There are too many connections. Please try again shortly."))
            else:
                handler.handle()
        finally:
            company.discard(handler)

    def stop(self, timeout: float | None = None) -> None:
        """Take no more connections; let requests that are under way end within `timeout` seconds."""
        if not self.is_stopping:
            self.is_stopping = True
            self._do_read()  # whoever has connected already
            self.stop_accepting()
            gevent.sleep(0)
            self._shut_down()
            for handler in self._served:
                handler.connection.end_soon(STOP_IDLE_SECONDS)
        super().stop(timeout)
        self._sweeper.kill()

    def _sweep(self) -> None:
        while True:
            gevent.sleep(SWEEP_SECONDS)
            now = monotonic()
            for handler in (*self._served, *self._refused):
                if handler.connection.deadline < now:
                    handler.connection.expire()
