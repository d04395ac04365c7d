"""gevent's WSGI server, with a limit for connections and a shutdown that loses no request."""

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

from taskdesk.service.http.handler import Handler
from taskdesk.service.http.request_parser import Refusal

MAX_CONNECTIONS = 10_000  # without event streams, whose connections are handed over
MAX_REFUSALS = 1_000  # further connections that get a 503; beyond these, connections wait in the backlog
SPARE_FILES = 200  # kept free for everything but clients
SWEEP_SECONDS = 0.25  # between two looks at the deadlines
STOP_IDLE_SECONDS = 0.2  # for which idle connections stay open at a stop: a request may be on the way


class Server(WSGIServer):  # type: ignore[misc]  # gevent has no types
    """Serve `application` on `listener`. At a stop, call `shut_down`, which has to end requests that would wait on.

    `count_refusal` is called with the status of each answer that the server gives without the application.
    """

    def __init__(
        self,
        listener: socket.socket,
        application: Any,
        shut_down: Callable[[], None] = lambda: None,
        count_refusal: Callable[[int], None] = lambda _: None,
    ):
        # Only with a pool does gevent let requests finish when it stops.
        super().__init__(
            listener,
            application,
            spawn=Pool(MAX_CONNECTIONS + MAX_REFUSALS),
            log=None,
            error_log=logging.getLogger("gevent"),
            handler_class=Handler,
        )
        self.is_stopping = False
        self.count_refusal = count_refusal
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
        # The system gives each file the lowest free number.
        is_full = len(self._served) >= MAX_CONNECTIONS or sock.fileno() > self._last_file
        handlers = self._refused if is_full else self._served
        handlers.add(handler)
        try:
            if is_full:
                handler.refuse(Refusal(503, "There are too many connections. Please try again shortly."))
            else:
                handler.handle()
        finally:
            handlers.discard(handler)

    def stop(self, timeout: float | None = None) -> None:
        """Accept no more connections; give requests under way `timeout` seconds to finish."""
        if not self.is_stopping:
            self.is_stopping = True
            self._do_read()  # accept those that have connected already
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
