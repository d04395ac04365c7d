"""The program of rq-dashboard: serve its pages until SIGTERM or SIGINT, as the web serves its own."""

from __future__ import annotations

from taskdesk.dashboard.app import create_app
from taskdesk.dashboard.settings import DashboardSettings
from taskdesk.service.http.serve import Address, serve
from taskdesk.service.http.wsgi import Server
from taskdesk.service.sentry import flush_reports
from taskdesk.service.startup import start_process


def main() -> int:
    """Return the exit status: 2 if the port is taken."""
    settings = start_process(DashboardSettings, "dashboard")
    address = Address(settings.dashboard_host, settings.dashboard_port, "DASHBOARD")
    status = serve(address, 1, lambda listener: Server(listener, create_app(settings)))
    flush_reports()
    return status
