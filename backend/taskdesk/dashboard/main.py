"""The program of rq-dashboard: serve its pages with gevent until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import signal
import socket
import sys

import gevent
from gevent.pywsgi import WSGIServer

from taskdesk.dashboard.app import create_app
from taskdesk.dashboard.settings import DashboardSettings
from taskdesk.service.sentry import flush_reports
from taskdesk.service.startup import start_process

STOP_SECONDS = 2  # that requests under way have to end at a stop


def main() -> int:
    """Return the exit status: 2 if the port is taken."""
    settings = start_process(DashboardSettings, "dashboard")
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        listener = _listen(host, port)
    except OSError as error:
        print(f"Can't listen on {host}:{port}: {error.strerror}. Set DASHBOARD_PORT to another.", file=sys.stderr)
        return 2
    server = WSGIServer(listener, create_app(settings), log=None, error_log=logging.getLogger("gevent"))
    server.start()  # before a signal may stop it
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(server.stop, STOP_SECONDS))
    server.serve_forever(stop_timeout=STOP_SECONDS)
    flush_reports()
    return 0


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each keep-alive answer waits 40 ms
    listener.setblocking(False)
    return listener
