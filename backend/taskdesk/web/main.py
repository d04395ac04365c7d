"""The web program: read the settings, check them, serve. `server.py` runs it."""

from __future__ import annotations

import logging

from taskdesk.service.sentry import flush_reports
from taskdesk.service.startup import start_process
from taskdesk.web.application import create_app
from taskdesk.web.server.serve import serve
from taskdesk.web.settings import WebSettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    settings = start_process(WebSettings, "web")
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # a tenth of a line's CPU, unused
    status = serve(settings.app_host, settings.app_port, settings.web_processes, lambda: create_app(settings))
    flush_reports()
    return status
