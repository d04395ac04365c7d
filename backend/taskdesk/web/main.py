"""The web program: read the settings, check them, serve. `server.py` runs it."""

from __future__ import annotations

import logging
import socket

from taskdesk.jobs.alerts.file import check_alerts_file
from taskdesk.jobs.alerts.keeper import Keeper
from taskdesk.jobs.stores import check_store
from taskdesk.service.http.serve import Address, serve
from taskdesk.service.http.wsgi import Server
from taskdesk.service.sentry import flush_reports
from taskdesk.service.startup import start_process
from taskdesk.web.application import create_app
from taskdesk.web.metrics.process_metrics import requests_of
from taskdesk.web.settings import WebSettings
from taskdesk.web.ticker import Ticker


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    settings = start_process(WebSettings, "web")
    check_alerts_file(settings)
    check_store(settings)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # a tenth of a line's CPU, unused
    address = Address(settings.app_host, settings.app_port, "APP")
    status = serve(address, settings.web_processes, lambda listener: make_server(listener, settings))
    flush_reports()
    return status


def make_server(listener: socket.socket, settings: WebSettings) -> Server:
    app = create_app(settings)
    desk = app.extensions["desk"]
    Ticker(desk).start()
    Keeper(desk.redis, desk.catalog, desk.alerts.file).start()
    return Server(listener, app, desk.shut_down, _count_refusal)


def _count_refusal(status: int) -> None:
    requests_of("-", "none", status).observe(0)
